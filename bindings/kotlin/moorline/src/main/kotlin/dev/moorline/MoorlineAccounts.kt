package dev.moorline

import dev.moorline.internal.NativeMoorline
import dev.moorline.internal.Translator
import dev.moorline.internal.toApp
import dev.moorline.internal.toFfi
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import dev.moorline.ffi.Accounts as FfiAccounts

/**
 * The accounts of one client at one issuer, all in the vault of [platform]. It does not use the network, and reads
 * nothing before the first call. [MoorlineBuilder.account] is not used.
 *
 * @throws MoorlineException as for [Moorline].
 */
public fun MoorlineAccounts(platform: Platform, configure: MoorlineBuilder.() -> Unit): MoorlineAccounts {
    val configuration = MoorlineBuilder().apply(configure).build()
    val translator = Translator()
    val accounts = translator.calling { FfiAccounts(configuration, platform.toFfi(translator)) }
    return MoorlineAccounts(accounts, translator)
}

/**
 * Several accounts in one vault. Each is a [Moorline] of its own, with its own session and its own [Moorline.state];
 * to switch, use another one.
 *
 * The name of an account is the app's: an id of its own making, not text of the provider's. Names of other issuers and
 * clients in the same vault are neither seen nor reached.
 */
public class MoorlineAccounts internal constructor(
    private val accounts: FfiAccounts,
    private val translator: Translator,
) : AutoCloseable {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    /**
     * The accounts as [list] returns them, and each change: a user signs in or out, or an account is removed or needs
     * a new sign-in. Null until the vault was read for the first time, which the first use of this property begins. It
     * sees what any object of this process changes. Changes made by other processes appear the next time this process
     * reads the vault. While the vault cannot be read, and after [close], it keeps its last value.
     */
    public val all: StateFlow<List<AccountInfo>?> by lazy { watched() }

    /**
     * The accounts that have ever signed in and were not removed, the oldest first. Sends, in the background, the
     * revocations that accounts without a session have queued.
     *
     * The names are in the vault: a key store that asks the user is asked for the list, too. Once one of the accounts
     * is unlocked, the list can be read until they are locked.
     *
     * @throws MoorlineException errors of the storage: [MoorlineException.StorageUnavailable] with the reason
     * [StorageUnavailableReason.LOCKED] while the key store is locked.
     */
    public suspend fun list(): List<AccountInfo> = call { accounts.list(null).map { it.toApp() } }

    /**
     * Opens an account: the same one twice is one session. A name that is not in the vault yet is a new account: sign
     * in with it. [Moorline.close] is for each object.
     *
     * @throws MoorlineException.Misconfigured if the name is empty, longer than 128 bytes or has control characters.
     */
    public fun open(account: String): Moorline =
        NativeMoorline(translator.calling { accounts.open(account) }, translator)

    /**
     * Signs an account out, as [Moorline.signOut] does, and deletes it from the vault. What the provider could not
     * revoke now stays queued; a later call of this type sends it. The name can be used again.
     *
     * At a provider that may end all sessions of a user together, the revocation waits while another account of the
     * same user is signed in.
     *
     * @throws MoorlineException as for [open] and [Moorline.signOut].
     */
    public suspend fun remove(account: String, options: SignOutOptions = SignOutOptions {}): SignOutOutcome =
        call { accounts.remove(account, options.toFfi(), null).toApp() }

    /** Releases the vault. Accounts that are open stay so. */
    override fun close() {
        scope.cancel()
        accounts.close()
    }

    private fun watched(): StateFlow<List<AccountInfo>?> {
        val lists = MutableStateFlow<List<AccountInfo>?>(null)
        val watch = translator.calling { accounts.lists() }
        scope.launch {
            try {
                while (true) lists.value = (watch.next() ?: break).map { it.toApp() }
            } finally {
                watch.close()
            }
        }
        return lists.asStateFlow()
    }

    private suspend fun <T> call(block: suspend () -> T): T =
        withContext(Dispatchers.Default) { translator.calling { block() } }
}

/**
 * An account in the vault.
 *
 * @property account its name, for [MoorlineAccounts.open].
 * @property user who is signed in, or null if nobody is.
 * @property state its state in the vault: never [SessionState.SigningIn] or [SessionState.Locked].
 */
public class AccountInfo internal constructor(
    public val account: String,
    public val user: User?,
    public val state: SessionState,
) {
    override fun equals(other: Any?): Boolean =
        other is AccountInfo && account == other.account && user == other.user && state == other.state

    override fun hashCode(): Int = listOf(account, user, state).hashCode()

    override fun toString(): String = "AccountInfo(account=$account, state=$state)"
}
