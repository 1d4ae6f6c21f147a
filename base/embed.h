/* Files as part of the program. */
#ifndef FT_BASE_EMBED_H
#define FT_BASE_EMBED_H

/* Puts the file at `path`, a string literal, into the program: `symbol` is its first
 * byte, `symbol`_end the one after its last, which is 0. The assembler reads it, so the
 * build names the file among the object's dependencies (OBJECT_DEPENDS). */
#define FT_EMBED(symbol, path)                                                                               \
    __asm__(".pushsection .rodata\n.balign 16\n" #symbol ": .incbin \"" path "\"\n" #symbol                  \
            "_end: .byte 0\n.popsection\n");                                                                 \
    extern const char symbol[], symbol##_end[]

#endif
