// Applies a loaded library's packed relocations. Returns how many there were, or -1 if they make no sense.
long relocate(void *handle);
