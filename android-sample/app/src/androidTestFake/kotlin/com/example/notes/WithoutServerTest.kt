package com.example.notes

import androidx.compose.ui.test.hasClickAction
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.junit4.v2.createAndroidComposeRule
import androidx.compose.ui.test.onAllNodesWithText
import androidx.compose.ui.test.onNodeWithContentDescription
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performTextInput
import androidx.test.ext.junit.runners.AndroidJUnit4
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith

/** The app without a server, on a device or an emulator: `gradle :app:connectedFakeDebugAndroidTest`. */
@RunWith(AndroidJUnit4::class)
class WithoutServerTest {
    @get:Rule
    val compose = createAndroidComposeRule<MainActivity>()

    private fun sees(text: String) = compose.waitUntil(PATIENCE) {
        compose.onAllNodesWithText(text, substring = true).fetchSemanticsNodes().isNotEmpty()
    }

    private fun taps(text: String) = compose.onNode(hasText(text) and hasClickAction()).performClick()

    @Test
    fun aNoteIsWrittenAndIsThereAfterThePhoneWasTurned() {
        sees("Groceries")
        compose.onNode(hasText("New note") and hasClickAction()).performClick()
        compose.onNodeWithText("Title").performTextInput("Written on a device")
        compose.activityRule.scenario.recreate()
        sees("Written on a device")
        taps("Save")
        sees("Groceries")
        sees("Written on a device")
    }

    @Test
    fun anotherUserSignsInBesideTheFirst() {
        sees("Notes of Ada Lovelace")
        compose.onNodeWithContentDescription("Menu").performClick()
        taps("Accounts")
        taps("Add an account")
        sees("Go on as Ada Lovelace")
        taps("Sign in")
        sees("Notes of Grace Hopper")
    }

    private companion object {
        const val PATIENCE = 20_000L
    }
}
