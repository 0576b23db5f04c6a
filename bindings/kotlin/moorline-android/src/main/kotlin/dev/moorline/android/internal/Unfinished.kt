package dev.moorline.android.internal

/** Callbacks that could not be finished yet, for want of a network, or of a vault that can be read. */
internal class Unfinished {
    private val urls = LinkedHashSet<String>()

    /** Keeps one. Any app can send them, so the oldest one goes if there are too many. */
    fun add(url: String): Unit = synchronized(this) {
        urls -= url
        urls += url
        if (urls.size > MOST) urls.remove(urls.first())
    }

    /** Removes and returns all. */
    fun takeAll(): List<String> = synchronized(this) { urls.toList().also { urls.clear() } }

    private companion object {
        const val MOST = 8
    }
}
