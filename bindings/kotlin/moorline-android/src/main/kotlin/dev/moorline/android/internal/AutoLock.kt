package dev.moorline.android.internal

import android.app.Activity
import android.app.Application
import android.content.Context
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import dev.moorline.Moorline
import dev.moorline.MoorlineException
import dev.moorline.android.AndroidKeyStore
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Locks [moorline] once its key has been in memory for as long as it may. */
internal class AutoLock(context: Context, private val moorline: Moorline, private val keys: AndroidKeyStore) :
    Application.ActivityLifecycleCallbacks,
    AutoCloseable {
    private val application = context.applicationContext as? Application
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val handler = Handler(Looper.getMainLooper())
    private val check = Runnable { lockIfDue() }

    /** Whether the key came into memory, and [moorline] was not locked since. */
    @Volatile
    private var isArmed = false

    init {
        keys.memory.add(this)
        // The handler's time stands still while the device sleeps: nothing is shown before this has looked.
        application?.registerActivityLifecycleCallbacks(this)
        schedule()
    }

    /** Looks again when the key has been in memory for as long as it may. Called on any thread. */
    fun schedule() {
        val remaining = keys.remaining() ?: return
        isArmed = true
        handler.removeCallbacks(check)
        // The check schedules the next one. A longer delay may overflow, and one of none may run without an end.
        handler.postDelayed(check, remaining.coerceIn(1.milliseconds, LONGEST).inWholeMilliseconds)
    }

    private fun lockIfDue() {
        // Another session of the vault may have been locked before, and have removed the key.
        val remaining = keys.remaining() ?: if (isArmed) Duration.ZERO else return
        if (remaining > Duration.ZERO) return schedule()
        scope.launch {
            try {
                moorline.lock()
                // A key that a prompt has renewed meanwhile stays.
                if (keys.remaining() == Duration.ZERO) keys.memory.forget()
                isArmed = keys.remaining() != null
            } catch (_: MoorlineException) {
                // A token is in memory only: it is stored, or the lock is tried again, before it is lost.
                handler.postDelayed(check, AGAIN.inWholeMilliseconds)
            }
        }
    }

    override fun close() {
        handler.removeCallbacks(check)
        application?.unregisterActivityLifecycleCallbacks(this)
        keys.memory.remove(this)
        scope.cancel()
    }

    override fun onActivityStarted(activity: Activity): Unit = lockIfDue()

    override fun onActivityCreated(activity: Activity, state: Bundle?): Unit = Unit

    override fun onActivityResumed(activity: Activity): Unit = Unit

    override fun onActivityPaused(activity: Activity): Unit = Unit

    override fun onActivityStopped(activity: Activity): Unit = Unit

    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle): Unit = Unit

    override fun onActivityDestroyed(activity: Activity): Unit = Unit

    private companion object {
        val AGAIN = 30.seconds
        val LONGEST = 1.hours
    }
}
