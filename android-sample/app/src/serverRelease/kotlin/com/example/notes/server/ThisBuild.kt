package com.example.notes.server

/** A release build has no development server: no plain HTTP, and nothing that breaks on request. */
internal val developmentOfThisBuild: Development? = null
