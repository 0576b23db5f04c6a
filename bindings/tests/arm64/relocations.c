// Relocations in Android's packed form ("APS2"), which Android's dynamic linker reads since API 23 and musl's does not.
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "relocations.h"

#define DT_ANDROID_RELA 0x60000011
#define DT_ANDROID_RELASZ 0x60000012

enum { BY_INFO = 1, BY_OFFSET_DELTA = 2, BY_ADDEND = 4, HAS_ADDEND = 8 };

typedef struct { const uint8_t *at, *end; int broken; } Reader;

// A signed LEB128 number.
static int64_t next(Reader *from) {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        if (from->at >= from->end || shift > 63) {
            from->broken = 1;
            return 0;
        }
        byte = *from->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if ((byte & 0x40) && shift < 64) value |= ~(uint64_t)0 << shift;
    return (int64_t)value;
}

static int apply(const struct link_map *library, const Elf64_Sym *symbols, const char *names, Elf64_Rela entry) {
    uint64_t *place = (uint64_t *)(library->l_addr + entry.r_offset), value = 0;
    switch (ELF64_R_TYPE(entry.r_info)) {
    case R_AARCH64_RELATIVE:
        *place = library->l_addr + (uint64_t)entry.r_addend;
        return 1;
    case R_AARCH64_ABS64:
    case R_AARCH64_GLOB_DAT: {
        const Elf64_Sym *symbol = &symbols[ELF64_R_SYM(entry.r_info)];
        if (symbol->st_shndx != SHN_UNDEF) value = library->l_addr + symbol->st_value;
        else value = (uint64_t)dlsym(RTLD_DEFAULT, names + symbol->st_name);
        if (!value && ELF64_ST_BIND(symbol->st_info) != STB_WEAK) return 0;
        *place = value + (uint64_t)entry.r_addend;
        return 1;
    }
    default:
        return 0;
    }
}

// The pages that the loader has made read-only are made writable again.
static int writable(struct dl_phdr_info *info, size_t size, void *data) {
    const struct link_map *library = data;
    (void)size;
    if (info->dlpi_addr != library->l_addr) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const Elf64_Phdr *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_W)) continue;
        uint64_t start = (library->l_addr + header->p_vaddr) & ~(uint64_t)0x3fff;
        uint64_t end = library->l_addr + header->p_vaddr + header->p_memsz;
        if (mprotect((void *)start, end - start, PROT_READ | PROT_WRITE)) return -1;
    }
    return 1;
}

long relocate(void *handle) {
    struct link_map *library;
    const Elf64_Sym *symbols = NULL;
    const char *names = NULL;
    Reader from = { NULL, NULL, 0 };
    uint64_t size = 0;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &library)) return -1;
    for (const Elf64_Dyn *entry = library->l_ld; entry->d_tag != DT_NULL; entry++) {
        const uint8_t *at = (const uint8_t *)(library->l_addr + entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_ANDROID_RELA: from.at = at; break;
        case DT_ANDROID_RELASZ: size = entry->d_un.d_val; break;
        case DT_SYMTAB: symbols = (const Elf64_Sym *)at; break;
        case DT_STRTAB: names = (const char *)at; break;
        }
    }
    if (!from.at) return 0;
    if (size < 4 || memcmp(from.at, "APS2", 4) || dl_iterate_phdr(writable, library) != 1) return -1;
    from.end = from.at + size;
    from.at += 4;
    int64_t count = next(&from), done = 0;
    Elf64_Rela entry = { .r_offset = (uint64_t)next(&from) };
    while (done < count && !from.broken) {
        int64_t in_group = next(&from), flags = next(&from);
        int64_t delta = flags & BY_OFFSET_DELTA ? next(&from) : 0;
        if (flags & BY_INFO) entry.r_info = (uint64_t)next(&from);
        if (!(flags & HAS_ADDEND)) entry.r_addend = 0;
        else if (flags & BY_ADDEND) entry.r_addend += next(&from);
        for (int64_t i = 0; i < in_group && !from.broken; i++, done++) {
            entry.r_offset += (uint64_t)(flags & BY_OFFSET_DELTA ? delta : next(&from));
            if (!(flags & BY_INFO)) entry.r_info = (uint64_t)next(&from);
            if ((flags & HAS_ADDEND) && !(flags & BY_ADDEND)) entry.r_addend += next(&from);
            if (!from.broken && !apply(library, symbols, names, entry)) return -1;
        }
    }
    return from.broken || done != count ? -1 : (long)count;
}
