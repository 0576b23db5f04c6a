package dev.moorline.internal

import dev.moorline.AccessToken
import dev.moorline.Authentication
import dev.moorline.AuthorizationRequest
import dev.moorline.EndSessionRequest
import dev.moorline.HttpRequest
import dev.moorline.HttpResponse
import dev.moorline.ReauthReason
import dev.moorline.RequestHeaders
import dev.moorline.Retry
import dev.moorline.RevocationOutcome
import dev.moorline.SessionInfo
import dev.moorline.SessionState
import dev.moorline.SignInOptions
import dev.moorline.SignOutOptions
import dev.moorline.SignOutOutcome
import dev.moorline.SignedOutReason
import dev.moorline.StepUp
import dev.moorline.StorageLostReason
import dev.moorline.StorageUnavailableReason
import dev.moorline.TokenType
import dev.moorline.User
import dev.moorline.ffi.HeaderField
import dev.moorline.ffi.Parameter
import kotlin.time.Duration
import kotlin.time.toJavaDuration
import kotlin.time.toKotlinDuration
import dev.moorline.ffi.AccessToken as FfiAccessToken
import dev.moorline.ffi.AuthorizationRequest as FfiAuthorizationRequest
import dev.moorline.ffi.HttpRequest as FfiHttpRequest
import dev.moorline.ffi.HttpResponse as FfiHttpResponse
import dev.moorline.ffi.ReauthReason as FfiReauthReason
import dev.moorline.ffi.RequestHeaders as FfiRequestHeaders
import dev.moorline.ffi.Retry as FfiRetry
import dev.moorline.ffi.RevocationOutcome as FfiRevocationOutcome
import dev.moorline.ffi.SessionInfo as FfiSessionInfo
import dev.moorline.ffi.SessionState as FfiSessionState
import dev.moorline.ffi.SignInOptions as FfiSignInOptions
import dev.moorline.ffi.SignOutOptions as FfiSignOutOptions
import dev.moorline.ffi.SignOutOutcome as FfiSignOutOutcome
import dev.moorline.ffi.SignedOutReason as FfiSignedOutReason
import dev.moorline.ffi.StepUp as FfiStepUp
import dev.moorline.ffi.StorageLostReason as FfiStorageLostReason
import dev.moorline.ffi.StorageUnavailableReason as FfiStorageUnavailableReason
import dev.moorline.ffi.TokenType as FfiTokenType
import dev.moorline.ffi.User as FfiUser

internal fun FfiSessionState.toApp(): SessionState = when (this) {
    is FfiSessionState.SignedOut -> SessionState.SignedOut(reason.toApp())
    is FfiSessionState.SigningIn -> SessionState.SigningIn
    is FfiSessionState.SignedIn -> SessionState.SignedIn(user.toApp())
    is FfiSessionState.Locked -> SessionState.Locked
    is FfiSessionState.NeedsReauth -> SessionState.NeedsReauth(reason.toApp())
}

internal fun FfiSignedOutReason.toApp(): SignedOutReason = when (this) {
    FfiSignedOutReason.NEVER_SIGNED_IN -> SignedOutReason.NEVER_SIGNED_IN
    FfiSignedOutReason.BY_USER -> SignedOutReason.BY_USER
}

internal fun FfiReauthReason.toApp(): ReauthReason = when (this) {
    is FfiReauthReason.Revoked -> ReauthReason.Revoked
    is FfiReauthReason.NoRefreshToken -> ReauthReason.NoRefreshToken
    is FfiReauthReason.InteractionRequired -> ReauthReason.InteractionRequired
    is FfiReauthReason.Refused -> ReauthReason.Refused
    is FfiReauthReason.StorageLost -> ReauthReason.StorageLost(reason.toApp())
}

internal fun FfiStorageUnavailableReason.toApp(): StorageUnavailableReason = when (this) {
    FfiStorageUnavailableReason.LOCKED -> StorageUnavailableReason.LOCKED
    FfiStorageUnavailableReason.NO_SPACE -> StorageUnavailableReason.NO_SPACE
    FfiStorageUnavailableReason.BUSY -> StorageUnavailableReason.BUSY
    FfiStorageUnavailableReason.NO_KEY_STORE -> StorageUnavailableReason.NO_KEY_STORE
    FfiStorageUnavailableReason.FAILED -> StorageUnavailableReason.FAILED
}

internal fun FfiStorageLostReason.toApp(): StorageLostReason = when (this) {
    FfiStorageLostReason.KEY_GONE -> StorageLostReason.KEY_GONE
    FfiStorageLostReason.DAMAGED -> StorageLostReason.DAMAGED
    FfiStorageLostReason.NEWER_VERSION -> StorageLostReason.NEWER_VERSION
}

internal fun FfiRetry.toApp(): Retry = when (this) {
    is FfiRetry.Never -> Retry.Never
    is FfiRetry.Now -> Retry.Now
    is FfiRetry.After -> Retry.After(duration.toKotlinDuration())
    is FfiRetry.WhenUnlocked -> Retry.WhenUnlocked
}

internal fun FfiUser.toApp(): User = User(subject, name, preferredUsername, email, emailVerified, picture, claims)

internal fun FfiAccessToken.toApp(): AccessToken =
    AccessToken(secret, tokenType.toApp(), expiresIn?.toKotlinDuration(), resource, scope)

internal fun AccessToken.toFfi(): FfiAccessToken {
    val type = when (tokenType) {
        TokenType.DPOP -> FfiTokenType.DPOP
        TokenType.BEARER -> FfiTokenType.BEARER
    }
    return FfiAccessToken(secret, type, expiresIn?.toJavaDuration(), resource, narrowedScope)
}

internal fun FfiTokenType.toApp(): TokenType = when (this) {
    FfiTokenType.DPOP -> TokenType.DPOP
    FfiTokenType.BEARER -> TokenType.BEARER
}

internal fun FfiRequestHeaders.toApp(): RequestHeaders = RequestHeaders(authorization, dpop)

internal fun FfiSessionInfo.toApp(): SessionInfo = SessionInfo(
    user = user.toApp(),
    authentication = Authentication(authentication.acr, authentication.amr, authentication.authTime),
    scope = scope,
    accessTokenExpiresIn = accessTokenExpiresIn?.toKotlinDuration(),
    tokenType = tokenType.toApp(),
    hasRefreshToken = hasRefreshToken,
    issuer = issuer,
    clientId = clientId,
    account = account,
    signedInAt = signedInAt,
    refreshes = refreshes.toLong(),
    lastRefusal = lastRefusal,
)

internal fun FfiAuthorizationRequest.toApp(): AuthorizationRequest = AuthorizationRequest(url, state)

internal fun FfiSignOutOutcome.toApp(): SignOutOutcome =
    SignOutOutcome(revocation.toApp(), endSession?.let { EndSessionRequest(it.url, it.state) })

internal fun SignOutOptions.toFfi(): FfiSignOutOptions = FfiSignOutOptions(endSession, postLogoutRedirectUri)

internal fun FfiStepUp.toApp(): StepUp = StepUp(acrValues, maxAge?.toKotlinDuration(), scope)

internal fun FfiRevocationOutcome.toApp(): RevocationOutcome = when (this) {
    is FfiRevocationOutcome.Revoked -> RevocationOutcome.Revoked
    is FfiRevocationOutcome.Refused -> RevocationOutcome.Refused(code)
    is FfiRevocationOutcome.Queued -> RevocationOutcome.Queued
    is FfiRevocationOutcome.NotOffered -> RevocationOutcome.NotOffered
    is FfiRevocationOutcome.NothingToRevoke -> RevocationOutcome.NothingToRevoke
}

internal fun FfiHttpResponse.toApp(): HttpResponse =
    HttpResponse(status.toInt(), headers.map { it.name to it.value }, body)

internal fun HttpRequest.toFfi(): FfiHttpRequest =
    FfiHttpRequest(method, url, headers.map { (name, value) -> HeaderField(name, value) }, body)

internal fun SignInOptions.toFfi(): FfiSignInOptions = FfiSignInOptions(
    loginHint = loginHint,
    prompt = prompt,
    maxAge = maxAge?.toFfi("maxAge"),
    redirectUri = redirectUri,
    stepUp = stepUp?.let { FfiStepUp(it.acrValues, it.maxAge?.toFfi("maxAge"), it.scope) },
    extra = extra.map { (name, value) -> Parameter(name, value) },
)

internal fun Duration.toFfi(name: String): java.time.Duration {
    if (isNegative()) throw misconfigured("$name is negative")
    return toJavaDuration()
}
