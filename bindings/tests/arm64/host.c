// Calls the library for Android's arm64, under qemu over musl: `host LIBRARY CHECKSUMS FOLDER`.
//
// CHECKSUMS has a line for each function that the generated Kotlin compares at its start: its name and its value.
// musl is not Android's libc. What Android's has and musl has not is defined here, and found by the dynamic linker
// because this program exports its symbols. The unwinder, which an NDK links into the library, is not there at all: a
// panic would end this program.
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relocations.h"

int *__errno(void) { return &errno; }
int __system_property_get(const char *name, char *value) { (void)name; value[0] = 0; return 0; }
void android_set_abort_message(const char *message) { fprintf(stderr, "abort: %s\n", message); }
int __android_log_write(int level, const char *tag, const char *text) { return printf("%d %s %s\n", level, tag, text); }

// UniFFI's own types.
typedef struct { uint64_t capacity, length; uint8_t *data; } RustBuffer;
typedef struct { int32_t length; const uint8_t *data; } ForeignBytes;
typedef struct { int8_t code; RustBuffer error; } CallStatus;
typedef void (*Continuation)(uint64_t data, int8_t result);

static void *library;
static CallStatus status;

static void fail(const char *what) {
    fprintf(stderr, "FAILED: %s (status %d)\n", what, status.code);
    // An error is numbers and texts.
    for (uint64_t i = 0; status.code && i < status.error.length; i++) {
        uint8_t byte = status.error.data[i];
        if (byte >= ' ' && byte < 0x7f) fputc(byte, stderr);
    }
    fputc('\n', stderr);
    exit(1);
}

static void *function(const char *name) {
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "FAILED: there is no %s\n", name);
        exit(1);
    }
    return found;
}

static void check(int right, const char *what) {
    if (!right) fail(what);
    printf("ok: %s\n", what);
}

// A record as UniFFI sends it: numbers are big-endian, a text is its length and its bytes, an option is 0 or 1.
typedef struct { uint8_t bytes[2048]; int32_t length; } Writer;

static void put_byte(Writer *to, uint8_t byte) { to->bytes[to->length++] = byte; }
static void put_int(Writer *to, int32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) put_byte(to, (uint8_t)(number >> shift));
}
static void put_text(Writer *to, const char *text) {
    put_int(to, (int32_t)strlen(text));
    for (; *text; text++) put_byte(to, (uint8_t)*text);
}

static RustBuffer sent(const Writer *from) {
    RustBuffer (*from_bytes)(ForeignBytes, CallStatus *) = function("ffi_moorline_ffi_rustbuffer_from_bytes");
    ForeignBytes bytes = { from->length, from->bytes };
    RustBuffer buffer = from_bytes(bytes, &status);
    if (status.code) fail("a buffer was not taken");
    return buffer;
}

static void release(RustBuffer buffer) {
    void (*release)(RustBuffer, CallStatus *) = function("ffi_moorline_ffi_rustbuffer_free");
    release(buffer, &status);
    if (status.code) fail("a buffer was not freed");
}

// A root certificate of nobody's: this machine has none where Android has its own, and a client must trust somebody.
static const char *const root =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBejCCAR+gAwIBAgIUYuF2Ft4ytXMyXHhyeRmP3ecHPygwCgYIKoZIzj0EAwIw\n"
    "ETEPMA0GA1UEAwwGTm9ib2R5MCAXDTI2MTEyOTA2NTMyMVoYDzIxMjYxMTA1MDY1\n"
    "MzIxWjARMQ8wDQYDVQQDDAZOb2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
    "AAS4xfxam0kWVOanPnuf61C48vHTJOmGrORgWYzaWvYqNikTaGz3FpdIZdZVqzS+\n"
    "zyYc4la1UeuM6k0nqwRZXRndo1MwUTAdBgNVHQ4EFgQU9g3OP3G6tmJ4gAAnAMPL\n"
    "Y0tMx7QwHwYDVR0jBBgwFoAU9g3OP3G6tmJ4gAAnAMPLY0tMx7QwDwYDVR0TAQH/\n"
    "BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA6NYo+etKGrn462NkJHaBIoMroSwp\n"
    "sTg/Tc7A70Csub0CIQCVmvllDXbpQxZH/AiAWIC2ZzWKFUJi/aCZiEuhQz9Rng==\n"
    "-----END CERTIFICATE-----\n";

// `ClientConfiguration`, field by field: see `bindings/src/configuration.rs`.
static RustBuffer configuration(const char *issuer) {
    Writer to = { .length = 0 };
    put_int(&to, 1);                    // vocabulary
    put_text(&to, issuer);
    put_text(&to, "notes");             // client_id
    put_byte(&to, 1);
    put_text(&to, "com.example.notes:/signed-in");
    put_int(&to, 1);                    // scopes
    put_text(&to, "openid");
    put_int(&to, 0);                    // resources
    put_int(&to, 0);                    // pins
    put_int(&to, 1);                    // extra_root_pems
    put_text(&to, root);
    put_byte(&to, 0);                   // allow_http_on_loopback
    put_byte(&to, 0);                   // allow_bearer
    put_int(&to, 0);                    // api_origins
    put_byte(&to, 0);                   // account
    put_byte(&to, 0);                   // connect_timeout
    put_byte(&to, 0);                   // request_timeout
    put_int(&to, 0);                    // authorization_parameters
    return sent(&to);
}

// `ClientPlatform`: see `bindings/src/platform.rs`.
static RustBuffer platform(const char *folder) {
    Writer to = { .length = 0 };
    put_text(&to, folder);
    put_int(&to, 3);                    // keys: in files
    put_text(&to, folder);
    put_byte(&to, 0);                   // critical_sections
    put_byte(&to, 0);                   // signer
    put_byte(&to, 0);                   // trust
    put_byte(&to, 0);                   // proxy_selector
    return sent(&to);
}

static void checksums(const char *file) {
    FILE *lines = fopen(file, "r");
    char name[256];
    unsigned expected, checked = 0;
    if (!lines) fail("the checksums can't be read");
    while (fscanf(lines, "%255s %u", name, &expected) == 2) {
        uint32_t (*checksum)(void) = function(name);
        uint32_t found = checksum() & 0xffff;
        if (found != expected) {
            fprintf(stderr, "FAILED: %s is %u, not %u\n", name, found, expected);
            exit(1);
        }
        checked++;
    }
    fclose(lines);
    printf("checked: %u\n", checked);
    check(checked > 20, "the contract version and the checksums are those of the generated Kotlin");
}

static void round_trip(void) {
    Writer to = { .length = 0 };
    put_text(&to, "gr\303\274\303\237e");
    RustBuffer buffer = sent(&to);
    int same = buffer.length == (uint64_t)to.length && !memcmp(buffer.data, to.bytes, buffer.length);
    release(buffer);
    check(same, "a buffer comes back as it was sent");
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int8_t polled = -1;

static void continued(uint64_t data, int8_t result) {
    (void)data;
    pthread_mutex_lock(&mutex);
    polled = result;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

// Drives a future of the library's, whose work is done by the library's own threads.
static void await(uint64_t future) {
    void (*poll)(uint64_t, Continuation, uint64_t) = function("ffi_moorline_ffi_rust_future_poll_void");
    void (*complete)(uint64_t, CallStatus *) = function("ffi_moorline_ffi_rust_future_complete_void");
    void (*release)(uint64_t) = function("ffi_moorline_ffi_rust_future_free_void");
    int8_t result;
    do {
        polled = -1;
        poll(future, continued, 0);
        pthread_mutex_lock(&mutex);
        while (polled < 0) pthread_cond_wait(&changed, &mutex);
        result = polled;
        pthread_mutex_unlock(&mutex);
    } while (result != 0);
    complete(future, &status);
    release(future);
    check(status.code == 0, "an asynchronous function ends well");
}

static void client(const char *folder) {
    uint64_t (*make)(RustBuffer, RustBuffer, CallStatus *) =
        function("uniffi_moorline_ffi_fn_constructor_client_new");
    RustBuffer (*state)(uint64_t, CallStatus *) = function("uniffi_moorline_ffi_fn_method_client_state");
    uint64_t (*opened)(uint64_t, RustBuffer) = function("uniffi_moorline_ffi_fn_method_client_opened");
    uint64_t (*clone)(uint64_t, CallStatus *) = function("uniffi_moorline_ffi_fn_clone_client");
    void (*drop)(uint64_t, CallStatus *) = function("uniffi_moorline_ffi_fn_free_client");

    make(configuration("ftp://id.example.com"), platform(folder), &status);
    check(status.code == 1, "a wrong issuer is an error");
    RustBuffer error = status.error;
    memset(&status, 0, sizeof status);
    release(error);

    uint64_t session = make(configuration("https://id.example.com"), platform(folder), &status);
    check(status.code == 0 && session, "a client is made with a configuration");
    Writer none = { .length = 0 };
    put_byte(&none, 0);
    await(opened(clone(session, &status), sent(&none)));
    RustBuffer read = state(clone(session, &status), &status);
    check(status.code == 0 && read.length >= 4 && read.data[3] == 1, "nobody is signed in to a new vault");
    release(read);
    drop(session, &status);
    check(status.code == 0, "the client is freed");
}

int main(int count, char **arguments) {
    setbuf(stdout, NULL);
    if (count != 4) fail("usage: host LIBRARY CHECKSUMS FOLDER");
    library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "FAILED: %s\n", dlerror());
        return 1;
    }
    long relocations = relocate(library);
    printf("relocations: %ld\n", relocations);
    check(relocations >= 0, "the library is loaded, and its packed relocations are right");
    checksums(arguments[2]);
    round_trip();
    client(arguments[3]);
    printf("done\n");
    return 0;
}
