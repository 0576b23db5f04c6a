package com.example.notes.server

import com.example.notes.notes.ApiException
import com.example.notes.session.Fault
import dev.moorline.HttpRequest
import dev.moorline.Moorline
import dev.moorline.MoorlineBuilder
import dev.moorline.MoorlineException

/** `moorline-server dev --http`, on this computer behind `adb reverse`. */
internal val developmentOfThisBuild: Development? = object : Development {
    override fun isAt(issuer: String) = issuer.startsWith("http://127.0.0.1:")

    override fun configure(builder: MoorlineBuilder) = builder.allowHttpOnLoopback()

    override suspend fun play(fault: Fault, issuer: String, moorline: Moorline) {
        val name = when (fault) {
            Fault.LOSE_ANSWER -> "lose-next-answer"
            Fault.REJECT_TOKEN -> "reject-next-token"
            Fault.REVOKE_SESSION -> "revoke-session"
            Fault.SKEW_CLOCK -> "skew-clock?seconds=3600"
        }
        val answer = moorline.send(HttpRequest("POST", "$issuer/dev/faults/$name") {})
        if (!answer.isSuccess) throw ApiException(answer.status)
        if (fault == Fault.LOSE_ANSWER) refresh(moorline)
    }

    /**
     * The server loses the next answer of its token endpoint. Without this, that would be the one in some minutes, when
     * the access token has expired.
     */
    private suspend fun refresh(moorline: Moorline) {
        try {
            moorline.refresh()
        } catch (_: MoorlineException.Offline) {
            // The answer is lost, and no session: the next request asks for it again.
        }
    }
}
