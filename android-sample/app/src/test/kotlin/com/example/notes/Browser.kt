package com.example.notes

import okhttp3.Cookie
import okhttp3.CookieJar
import okhttp3.FormBody
import okhttp3.HttpUrl
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import org.json.JSONObject

/** The browser of one phone: it keeps its cookies, so the provider knows who has signed in before. */
internal class Browser {
    private val cookies = mutableMapOf<String, Cookie>()
    private val client = OkHttpClient.Builder().followRedirects(false).cookieJar(
        object : CookieJar {
            override fun loadForRequest(url: HttpUrl) = cookies.values.filter { it.matches(url) }

            override fun saveFromResponse(url: HttpUrl, cookies: List<Cookie>) =
                cookies.forEach { this@Browser.cookies[it.name] = it }
        },
    ).build()

    /** Fills in the server's real pages, if it shows any, and returns the address of the app that they lead to. */
    fun signIn(address: String, user: String): String {
        var request = Request.Builder().url(address).build()
        repeat(MOST_STEPS) {
            client.newCall(request).execute().use { response ->
                val target = response.header("Location")
                request = when (target) {
                    null -> filledIn(response, user)
                    else -> Request.Builder().url(response.request.url.resolve(target) ?: return target).build()
                }
            }
        }
        error("more than $MOST_STEPS steps from $address")
    }

    private fun filledIn(page: Response, user: String): Request {
        val html = page.body.string()
        val form = checkNotNull(FORM.findAll(html).find { "password" in it.value || "decision" in it.value }) {
            "no form, but ${page.code}: $html"
        }
        val fields = FormBody.Builder()
        for ((name, value) in HIDDEN.findAll(form.value).map { it.destructured }) fields.add(name, value)
        if ("decision" in form.value) {
            fields.add("decision", "allow")
        } else {
            fields.add("username", user).add("password", passwordOf(user))
        }
        val address = checkNotNull(page.request.url.resolve(form.groupValues[1])) { "a form without an address" }
        return Request.Builder().url(address).header("Origin", TestServer.issuer).post(fields.build()).build()
    }

    private fun passwordOf(user: String): String {
        val users = JSONObject(TestServer.summary.readText()).getJSONArray("users")
        return List(users.length(), users::getJSONObject).first { it.getString("username") == user }
            .getString("password")
    }

    private companion object {
        const val MOST_STEPS = 20
        val FORM = Regex("""<form method="post" action="([^"]*)">.*?</form>""", RegexOption.DOT_MATCHES_ALL)
        val HIDDEN = Regex("""<input type="hidden" name="([^"]*)" value="([^"]*)">""")
    }
}
