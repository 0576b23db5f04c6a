package dev.moorline.internal

import dev.moorline.MoorlineException
import dev.moorline.Retry
import dev.moorline.StepUp

/** What every error says. All of it comes from the native library, except for the errors below. */
internal class ErrorFacts(val code: String, val retry: Retry, val maybeSent: Boolean, val message: String)

/** A wrong configuration that is found before the native library is called. */
internal fun misconfigured(what: String, cause: Throwable? = null): MoorlineException {
    val facts = ErrorFacts("misconfigured", Retry.Never, false, "the configuration is wrong: $what")
    return MoorlineException.Misconfigured(what, facts, cause)
}

/** What an API asks for, in the native library's words. */
internal fun stepUpFacts(stepUp: StepUp): ErrorFacts {
    val asked = listOfNotNull(
        stepUp.acrValues.takeIf { it.isNotEmpty() }?.joinToString(" ", "acr_values "),
        stepUp.maxAge?.let { "max_age ${it.inWholeSeconds}" },
        stepUp.scope.takeIf { it.isNotEmpty() }?.joinToString(" ", "scope "),
    )
    val message = "more is asked for than the session has: ${asked.joinToString()}. Sign in once more to get it"
    return ErrorFacts("step_up_required", Retry.Never, false, message)
}

/** A panic of the native library. Its text is dropped, because it might hold a secret. */
internal fun internalError(): MoorlineException {
    val description = "internal SDK error; please report this"
    val facts = ErrorFacts("refused", Retry.Never, false, "refused: internal_error: $description")
    return MoorlineException.Refused("internal_error", description, facts)
}
