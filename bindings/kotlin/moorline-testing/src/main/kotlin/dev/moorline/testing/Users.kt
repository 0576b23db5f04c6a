package dev.moorline.testing

import dev.moorline.User

/** A user of this name, for tests: `user("Ada")` has the subject `ada`, and an address at `example.com`. */
public fun user(name: String): User = User(name.lowercase()) {
    this.name = name
    preferredUsername = name.lowercase()
    email = "${name.lowercase()}@example.com"
    emailVerified = true
    claims = """{"sub":"${name.lowercase()}","name":"$name"}"""
}
