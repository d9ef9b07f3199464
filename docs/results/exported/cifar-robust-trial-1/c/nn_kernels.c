#include "nn_kernels.h"

#include <stddef.h>
#include <string.h>

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#define NN_DSP 1
#else
#define NN_DSP 0
#endif

/* The inner loops need all registers, so they stay functions of their own. */
#if defined(__GNUC__)
#define NN_KERNEL static __attribute__((noinline))
#else
#define NN_KERNEL static
#endif

#define MAX_BLOCK 8

typedef char right_shifts_are_arithmetic[(-1 >> 1) == -1 ? 1 : -1];

static inline uint32_t load_word(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Inputs, up to a group of 4, against 4 channels of 8, 4 or 2 bits. */
static inline void multiply_group(const uint8_t *x, const uint8_t *w, uint32_t n, uint32_t bits, int32_t *sums)
{
#if defined(__arm__)
    const uint32_t mask = (1u << bits) - 1;
    for (uint32_t i = 0; i < n; i++, x++, w++) {
        const uint32_t input = *x;
        sums[0] += (int32_t)((w[0] & mask) * input);
        sums[1] += (int32_t)((w[bits / 8 * n] >> bits % 8 & mask) * input);
        sums[2] += (int32_t)((w[2 * bits / 8 * n] >> 2 * bits % 8 & mask) * input);
        sums[3] += (int32_t)((w[3 * bits / 8 * n] >> 3 * bits % 8 & mask) * input);
    }
#else
    /* Loops that compilers turn into vectors. */
    for (uint32_t j = 0; j < 4; j++)
        for (uint32_t i = 0; i < n; i++)
            sums[j] += (int32_t)(((uint32_t)w[bits * j / 8 * n + i] >> bits * j % 8 & ((1u << bits) - 1)) * x[i]);
#endif
}

/* Adds x . u * 2^shift for 4 channels of `bits` bits to sums; returns the weights after them. */
static inline const uint8_t *multiply_4(const uint8_t *x, const uint8_t *w, uint32_t n, uint32_t bits, uint32_t shift,
                                        int32_t *sums)
{
    int32_t a[4] = {0, 0, 0, 0};
    const uint32_t words = bits / 2;
#if NN_DSP
    /* Inputs 0, 2 and 1, 3 as pairs of 16 bits; a mask in a register lets every AND shift its operand for nothing. */
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    uint32_t mask = ((1u << bits) - 1) * 0x00010001u;
    __asm__("" : "+r"(mask));
#define PAIRS(sum, word, by)                                                                                           \
    (sum = __smlad((int32_t)((word) >> (by) & mask), (int32_t)even, sum),                                              \
     sum = __smlad((int32_t)((word) >> ((by) + 8) & mask), (int32_t)odd, sum))
    const uint8_t *const end = x + (n & ~3u);
    for (; x != end; x += 4, w += 4 * words) {
        const uint32_t inputs = load_word(x), even = __uxtb16(inputs), odd = __uxtb16(inputs >> 8);
        const uint32_t first = load_word(w);
        PAIRS(a0, first, 0);
        if (bits == 2) {
            PAIRS(a1, first, 2);
            PAIRS(a2, first, 4);
            PAIRS(a3, first, 6);
        } else if (bits == 4) {
            const uint32_t second = load_word(w + 4);
            PAIRS(a1, first, 4);
            PAIRS(a2, second, 0);
            PAIRS(a3, second, 4);
        } else {
            const uint32_t second = load_word(w + 4), third = load_word(w + 8), fourth = load_word(w + 12);
            PAIRS(a1, second, 0);
            PAIRS(a2, third, 0);
            PAIRS(a3, fourth, 0);
        }
    }
    a[0] = a0, a[1] = a1, a[2] = a2, a[3] = a3;
    n %= 4;
#else
    for (; n >= 4; n -= 4, x += 4, w += 4 * words)
        multiply_group(x, w, 4, bits, a);
#endif
    multiply_group(x, w, n, bits, a);
    for (uint32_t j = 0; j < 4; j++)
        sums[j] += a[j] * (1 << shift);
    return w + n * words;
}

NN_KERNEL const uint8_t *multiply_4_by_8_bits(const uint8_t *x, const uint8_t *w, uint32_t n, int32_t *sums)
{
    return multiply_4(x, w, n, 8, 0, sums);
}

NN_KERNEL const uint8_t *multiply_4_by_4_bits(const uint8_t *x, const uint8_t *w, uint32_t n, int32_t *sums)
{
    return multiply_4(x, w, n, 4, 0, sums);
}

NN_KERNEL const uint8_t *multiply_4_by_2_bits(const uint8_t *x, const uint8_t *w, uint32_t n, uint32_t shift,
                                           int32_t *sums)
{
    return multiply_4(x, w, n, 2, shift, sums);
}

/* A word with two fields, at bits 0 and 16. */
static inline uint32_t pair_of(uint32_t low, uint32_t high)
{
    return low | high << 16;
}

/* Weights of 6 and 3 bits are little-endian words, whatever the processor is. */
static inline uint32_t load_little_endian(const uint8_t *bytes)
{
#if NN_DSP && defined(__ARMEL__)
    return load_word(bytes);
#else
    return pair_of(bytes[0] | (uint32_t)bytes[1] << 8, bytes[2] | (uint32_t)bytes[3] << 8);
#endif
}

#if defined(__arm__)
/* Adds both products of two pairs. */
static inline int32_t multiply_pair(uint32_t weights, uint32_t inputs, int32_t sum)
{
#if NN_DSP
    return __smlad((int32_t)weights, (int32_t)inputs, sum);
#else
    return sum + (int32_t)((weights & 0xFFFFu) * (inputs & 0xFFFFu) + (weights >> 16) * (inputs >> 16));
#endif
}

/* Inputs 0 and 2, and 1 and 3. */
static inline void load_pairs(const uint8_t *x, uint32_t *even, uint32_t *odd)
{
#if NN_DSP
    const uint32_t inputs = load_word(x);
    *even = __uxtb16(inputs), *odd = __uxtb16(inputs >> 8);
#else
    *even = pair_of(x[0], x[2]), *odd = pair_of(x[1], x[3]);
#endif
}

/* As in multiply_4: out of a register, the mask's AND shifts for nothing. */
#if NN_DSP
#define MASK_IN_A_REGISTER(mask) __asm__("" : "+r"(mask))
#else
#define MASK_IN_A_REGISTER(mask) ((void)(mask))
#endif
#define ADD_PAIR(sum, weights, inputs) (sum = multiply_pair((weights) & mask, inputs, sum))

/* Adds x . u for 4 channels and n inputs, a multiple of 4; returns the weights after them. */
NN_KERNEL const uint8_t *multiply_4_by_6_bits(const uint8_t *x, const uint8_t *w, uint32_t n, int32_t *sums)
{
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    uint32_t mask = 0x003F003Fu;
    MASK_IN_A_REGISTER(mask);
    for (const uint8_t *const end = x + n; x != end; x += 4, w += 12) {
        uint32_t even, odd;
        load_pairs(x, &even, &odd);
        const uint32_t first = load_little_endian(w), second = load_little_endian(w + 4);
        const uint32_t third = load_little_endian(w + 8);
        ADD_PAIR(a0, first >> 4, even), ADD_PAIR(a0, first >> 10, odd);
        ADD_PAIR(a1, second >> 4, even), ADD_PAIR(a1, second >> 10, odd);
        ADD_PAIR(a2, third >> 4, even), ADD_PAIR(a2, third >> 10, odd);
        a3 = multiply_pair((first & 0x000F000Fu) | (second & 0x00030003u) << 4, even, a3);
        a3 = multiply_pair((third & 0x000F000Fu) | (second & 0x000C000Cu) << 2, odd, a3);
    }
    sums[0] += a0, sums[1] += a1, sums[2] += a2, sums[3] += a3;
    return w;
}

/* Adds x . u for 4 channels and n inputs, a multiple of 8; returns the weights after them. */
NN_KERNEL const uint8_t *multiply_4_by_3_bits(const uint8_t *x, const uint8_t *w, uint32_t n, int32_t *sums)
{
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    uint32_t mask = 0x00070007u;
    MASK_IN_A_REGISTER(mask);
    for (const uint8_t *const end = x + n; x != end; x += 8, w += 12) {
        uint32_t even, odd, later_even, later_odd, spare;
        load_pairs(x, &even, &odd);
        load_pairs(x + 4, &later_even, &later_odd);
        const uint32_t first = load_little_endian(w);
        ADD_PAIR(a0, first >> 1, even), ADD_PAIR(a0, first >> 4, odd);
        ADD_PAIR(a0, first >> 7, later_even), ADD_PAIR(a0, first >> 10, later_odd);
        ADD_PAIR(a1, first >> 13, even);
        spare = first & 0x00010001u;
        const uint32_t second = load_little_endian(w + 4);
        ADD_PAIR(a1, second >> 1, odd), ADD_PAIR(a1, second >> 4, later_even);
        ADD_PAIR(a1, second >> 7, later_odd);
        ADD_PAIR(a2, second >> 10, even), ADD_PAIR(a2, second >> 13, odd);
        spare |= (second & 0x00010001u) << 1;
        const uint32_t third = load_little_endian(w + 8);
        ADD_PAIR(a2, third >> 1, later_even), ADD_PAIR(a2, third >> 4, later_odd);
        ADD_PAIR(a3, third >> 7, even), ADD_PAIR(a3, third >> 10, odd);
        ADD_PAIR(a3, third >> 13, later_even);
        a3 = multiply_pair(spare | (third & 0x00010001u) << 2, later_odd, a3);
    }
    sums[0] += a0, sums[1] += a1, sums[2] += a2, sums[3] += a3;
    return w;
}
#else
/* Groups of three words that are taken apart together, so that compilers turn the loops into vectors; the same sums as
 * above. Of 3 bits as many as make one vector of 128 bits of each word. */
#define GROUPS_6 12
#define GROUPS_3 4

/* The products of pairs, from bit `at` of the words on. */
static inline int32_t multiply_pairs(const uint32_t *words, uint32_t at, uint32_t mask, const uint32_t *inputs)
{
    uint32_t pairs[GROUPS_6];
    int16_t codes[2 * GROUPS_6], factors[2 * GROUPS_6];
    int32_t sum = 0;
    for (uint32_t i = 0; i < GROUPS_6; i++)
        pairs[i] = words[i] >> at & mask;
    memcpy(codes, pairs, sizeof codes);
    memcpy(factors, inputs, sizeof factors);
    for (uint32_t i = 0; i < 2 * GROUPS_6; i++)
        sum += codes[i] * factors[i];
    return sum;
}

/* Takes up to `most` groups of 4 * quads inputs and returns how many: words [3][most] apart, 0 for what is missing;
 * inputs [2 * quads][most] in pairs. */
static inline uint32_t take_groups(const uint8_t *x, const uint8_t *w, uint32_t n_groups, uint32_t most, uint32_t quads,
                                   uint32_t *words, uint32_t *inputs)
{
    const uint32_t taken = n_groups < most ? n_groups : most;
    if (taken < most)
        memset(words, 0, 3 * most * sizeof *words);
    for (uint32_t i = 0; i < taken; i++, w += 12)
        for (uint32_t j = 0; j < 3; j++)
            words[j * most + i] = load_little_endian(w + 4 * j);
    for (uint32_t i = 0; i < taken; i++)
        for (uint32_t j = 0; j < quads; j++, x += 4) {
            inputs[2 * j * most + i] = pair_of(x[0], x[2]);
            inputs[(2 * j + 1) * most + i] = pair_of(x[1], x[3]);
        }
    return taken;
}

NN_KERNEL const uint8_t *multiply_4_by_6_bits(const uint8_t *x, const uint8_t *w, uint32_t n, int32_t *sums)
{
    const uint32_t mask = 0x003F003Fu;
    uint32_t words[3][GROUPS_6], in[4][GROUPS_6] = {{0}}, spare[GROUPS_6];
    for (uint32_t left = n / 4, taken; left; left -= taken, x += 4 * taken, w += 12 * taken) {
        taken = take_groups(x, w, left, GROUPS_6, 1, words[0], in[0]);
        for (uint32_t j = 0; j < 3; j++)
            sums[j] += multiply_pairs(words[j], 4, mask, in[0]) + multiply_pairs(words[j], 10, mask, in[1]);
        for (uint32_t i = 0; i < GROUPS_6; i++)
            spare[i] = (words[0][i] & 0x000F000Fu) | (words[1][i] & 0x00030003u) << 4;
        sums[3] += multiply_pairs(spare, 0, mask, in[0]);
        for (uint32_t i = 0; i < GROUPS_6; i++)
            spare[i] = (words[2][i] & 0x000F000Fu) | (words[1][i] & 0x000C000Cu) << 2;
        sums[3] += multiply_pairs(spare, 0, mask, in[1]);
    }
    return w;
}

NN_KERNEL const uint8_t *multiply_4_by_3_bits(const uint8_t *x, const uint8_t *w, uint32_t n, int32_t *sums)
{
    const uint32_t mask = 0x00070007u;
    uint32_t words[3][GROUPS_3], in[4][GROUPS_3] = {{0}}, pairs[4][4][GROUPS_3];
    for (uint32_t left = n / 8, taken; left; left -= taken, x += 8 * taken, w += 12 * taken) {
        int16_t codes[8 * GROUPS_3], factors[8 * GROUPS_3];
        taken = take_groups(x, w, left, GROUPS_3, 2, words[0], in[0]);
        for (uint32_t j = 0; j < 15; j++)
            for (uint32_t i = 0; i < GROUPS_3; i++)
                pairs[j / 4][j % 4][i] = words[j / 5][i] >> (1 + 3 * (j % 5)) & mask;
        for (uint32_t i = 0; i < GROUPS_3; i++)
            pairs[3][3][i] = (words[0][i] & 0x00010001u) | (words[1][i] & 0x00010001u) << 1
                             | (words[2][i] & 0x00010001u) << 2;
        memcpy(factors, in, sizeof factors);
        for (uint32_t j = 0; j < 4; j++) {
            memcpy(codes, pairs[j], sizeof codes);
            for (uint32_t i = 0; i < 8 * GROUPS_3; i++)
                sums[j] += codes[i] * factors[i];
        }
    }
    return w;
}
#endif

/* Adds to the sums of 8 channels, times 2^shift, the inputs whose bit is set: no multiplication, no unpacking. */
NN_KERNEL const uint8_t *add_8_by_1_bit(const uint8_t *x, const uint8_t *w, uint32_t n, uint32_t shift, int32_t *sums)
{
    uint32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0, a6 = 0, a7 = 0;
#if NN_DSP
    /* The carry out of byte + 0x80 is its top bit; SEL takes the inputs with a carry, USADA8 adds the four. */
    const uint32_t top = 0x80808080u;
#define ADD(sum, by)                                                                                                   \
    ((void)__uadd8(bits << (by), top), sum = __usada8(__sel(inputs, 0), 0, sum))
    const uint8_t *const end = x + (n & ~3u);
    for (; x != end; x += 4, w += 4) {
        const uint32_t inputs = load_word(x), bits = load_word(w);
        ADD(a7, 0), ADD(a6, 1), ADD(a5, 2), ADD(a4, 3), ADD(a3, 4), ADD(a2, 5), ADD(a1, 6), ADD(a0, 7);
    }
    n %= 4;
#else
    /* A bit in every byte times 255 is a mask; two lanes of 16 bits take 128 groups before they could overflow. */
#define ADD(lanes, by)                                                                                                 \
    (chosen = (bits >> (by) & 0x01010101u) * 0xFFu & inputs,                                                           \
     lanes += (chosen & 0x00FF00FFu) + (chosen >> 8 & 0x00FF00FFu))
#define FLUSH(sum, lanes) (sum += (lanes & 0xFFFFu) + (lanes >> 16))
    while (n >= 4) {
        uint32_t l0 = 0, l1 = 0, l2 = 0, l3 = 0, l4 = 0, l5 = 0, l6 = 0, l7 = 0, chosen;
        for (uint32_t group = 0; group < 128 && n >= 4; group++, n -= 4, x += 4, w += 4) {
            const uint32_t inputs = load_word(x), bits = load_word(w);
            ADD(l0, 0), ADD(l1, 1), ADD(l2, 2), ADD(l3, 3), ADD(l4, 4), ADD(l5, 5), ADD(l6, 6), ADD(l7, 7);
        }
        FLUSH(a0, l0), FLUSH(a1, l1), FLUSH(a2, l2), FLUSH(a3, l3);
        FLUSH(a4, l4), FLUSH(a5, l5), FLUSH(a6, l6), FLUSH(a7, l7);
    }
#endif
    const uint32_t a[MAX_BLOCK] = {a0, a1, a2, a3, a4, a5, a6, a7};
    for (uint32_t j = 0; j < MAX_BLOCK; j++) {
        uint32_t sum = a[j];
        for (uint32_t i = 0; i < n; i++)
            sum += x[i] & (0u - (w[i] >> j & 1u));
        sums[j] += (int32_t)(sum << shift);
    }
    return w + n;
}

/* Unsigned code number `index` of a plain string of codes. */
static inline uint32_t code_at(const uint8_t *codes, uint32_t index, uint32_t bits)
{
    const uint32_t at = index * bits, by = at % 8;
    uint32_t value = codes[at / 8];
    if (by + bits > 8)
        value |= (uint32_t)codes[at / 8 + 1] << 8;
    return value >> by & ((1u << bits) - 1);
}

static inline int32_t weight_of(uint32_t code, uint32_t bits)
{
    return bits == 1 ? 2 * (int32_t)code - 1 : (int32_t)code - (1 << (bits - 1));
}

static inline int32_t in_fixed_point(const struct nn_layer *layer, uint32_t channel, int32_t sum)
{
    const int32_t multiplier = layer->multipliers ? layer->multipliers[channel] : layer->multiplier;
    const int shift = layer->shifts[channel];
    const int64_t half = (int64_t)1 << (shift - 1);
    return (int32_t)(((int64_t)sum * multiplier + half) >> shift) + layer->biases[channel];
}

/* The inputs under the kernel, row by row; a position in whole words is used where it lies. */
static const uint8_t *gather(const struct nn_layer *layer, uint32_t y, uint32_t x)
{
    const uint8_t *input = layer->input;
    const uint32_t channels = layer->in_channels, width = layer->kernel_width * channels;
    const int32_t top = (int32_t)(y * layer->stride_y) - layer->pad_top;
    const int32_t left = (int32_t)(x * layer->stride_x) - layer->pad_left;
    const int32_t over = left + layer->kernel_width - layer->in_width;
    const uint32_t before = left < 0 ? (uint32_t)-left * channels : 0;
    const uint32_t after = over > 0 ? (uint32_t)over * channels : 0;

    if (!layer->scratch)
        return input + ((uint32_t)top * layer->in_width + (uint32_t)left) * channels;
    uint8_t *to = layer->scratch;
    for (int32_t row = top; row < top + layer->kernel_height; row++, to += width) {
        if (row < 0 || row >= layer->in_height) {
            memset(to, layer->zero, width);
            continue;
        }
        const uint32_t first = (uint32_t)(left < 0 ? 0 : left);
        memset(to, layer->zero, before);
        memcpy(to + before, input + ((uint32_t)row * layer->in_width + first) * channels, width - before - after);
        memset(to + width - after, layer->zero, after);
    }
    return layer->scratch;
}

static int32_t total_of(const uint8_t *x, uint32_t n)
{
    uint32_t total = 0;
#if NN_DSP
    for (; n >= 4; n -= 4, x += 4)
        total = __usada8(load_word(x), 0, total);
#endif
    while (n--)
        total += *x++;
    return (int32_t)total;
}

static void convolve(const struct nn_layer *layer, uint32_t y, uint32_t x, int32_t *sums)
{
    const uint8_t *input = gather(layer, y, x), *w = layer->weights;
    const uint32_t n = (uint32_t)layer->kernel_height * layer->kernel_width * layer->in_channels;
    const uint32_t bits = layer->bits, block = bits == 1 || bits == 3 ? MAX_BLOCK : 4;
    const int32_t total = total_of(input, n);
    /* w = scale * u - offset */
    const int32_t scale = bits == 1 ? 2 : 1, offset = bits == 1 ? 1 : 1 << (bits - 1);
    const uint32_t rest = n % (bits == 3 ? 8 : 4); /* inputs outside the whole words of 6 and 3 bits */
    const uint8_t *const last = input + n - rest;
    uint32_t channel = 0;

    for (; channel + block <= layer->out_channels; channel += block) {
        int32_t dots[MAX_BLOCK] = {0};
        switch (bits) {
        case 8:
            w = multiply_4_by_8_bits(input, w, n, dots);
            break;
        case 6:
            w = multiply_4_by_6_bits(input, w, n - rest, dots);
            if (rest) {
                w = multiply_4_by_4_bits(last, w, rest, dots);
                w = multiply_4_by_2_bits(last, w, rest, 4, dots);
            }
            break;
        case 4:
            w = multiply_4_by_4_bits(input, w, n, dots);
            break;
        case 3:
            w = multiply_4_by_3_bits(input, w, n - rest, dots);
            w = multiply_4_by_3_bits(input, w, n - rest, dots + 4);
            if (rest) {
                w = multiply_4_by_2_bits(last, w, rest, 0, dots);
                w = multiply_4_by_2_bits(last, w, rest, 0, dots + 4);
                w = add_8_by_1_bit(last, w, rest, 2, dots);
            }
            break;
        case 2:
            w = multiply_4_by_2_bits(input, w, n, 0, dots);
            break;
        default:
            w = add_8_by_1_bit(input, w, n, 0, dots);
        }
        for (uint32_t j = 0; j < block; j++)
            sums[channel + j] += in_fixed_point(layer, channel + j, scale * dots[j] - offset * total);
    }
    for (uint32_t first = 0; channel < layer->out_channels; channel++, first += n) {
        uint32_t dot = 0;
        for (uint32_t i = 0; i < n; i++)
            dot += code_at(w, first + i, bits) * input[i];
        sums[channel] += in_fixed_point(layer, channel, scale * (int32_t)dot - offset * total);
    }
}

static void convolve_depthwise(const struct nn_layer *layer, uint32_t y, uint32_t x, int32_t *sums)
{
    const uint8_t *input = layer->input;
    const int8_t *kernel = (const int8_t *)layer->scratch;
    const uint32_t channels = layer->in_channels;
    const int32_t top = (int32_t)(y * layer->stride_y) - layer->pad_top;
    const int32_t left = (int32_t)(x * layer->stride_x) - layer->pad_left;

    for (uint32_t channel = 0; channel < channels; channel += 4) {
        const uint32_t count = channels - channel < 4 ? channels - channel : 4;
        const int8_t *w = kernel + channel;
        int32_t dots[4] = {0, 0, 0, 0};
        for (int32_t row = top; row < top + layer->kernel_height; row++)
            for (int32_t column = left; column < left + layer->kernel_width; column++, w += channels) {
                const uint8_t *from = input + channel;
                if (row < 0 || row >= layer->in_height || column < 0 || column >= layer->in_width) {
                    for (uint32_t j = 0; j < count && layer->zero; j++)
                        dots[j] += w[j] * layer->zero;
                    continue;
                }
                from += ((uint32_t)row * layer->in_width + (uint32_t)column) * channels;
                if (count == 4) {
                    dots[0] += w[0] * from[0];
                    dots[1] += w[1] * from[1];
                    dots[2] += w[2] * from[2];
                    dots[3] += w[3] * from[3];
                } else {
                    for (uint32_t j = 0; j < count; j++)
                        dots[j] += w[j] * from[j];
                }
            }
        for (uint32_t j = 0; j < count; j++)
            sums[channel + j] += in_fixed_point(layer, channel + j, dots[j]);
    }
}

static void unpack_depthwise(const struct nn_layer *layer)
{
    const uint32_t count = (uint32_t)layer->kernel_height * layer->kernel_width * layer->in_channels;
    int8_t *kernel = (int8_t *)layer->scratch;
    for (uint32_t i = 0; i < count; i++)
        kernel[i] = (int8_t)weight_of(code_at(layer->weights, i, layer->bits), layer->bits);
}

static void multiply_sums(const struct nn_layer *layer, int32_t *sums)
{
    const int32_t *input = layer->input;
    for (uint32_t channel = 0, at = 0; channel < layer->out_channels; channel++) {
        int32_t dot = 0;
        for (uint32_t i = 0; i < layer->in_channels; i++, at++)
            dot += weight_of(code_at(layer->weights, at, layer->bits), layer->bits) * input[i];
        sums[channel] += in_fixed_point(layer, channel, dot);
    }
}

static void add_term(const struct nn_term *term, uint32_t first, uint32_t channels, int32_t *sums)
{
    const uint8_t *codes = (const uint8_t *)term->values + first;
    const int32_t *wide = (const int32_t *)term->values + first;
    const int shift = term->shift;
    for (uint32_t channel = 0; channel < channels; channel++) {
        const int32_t value = term->is_wide ? wide[channel] : codes[channel];
        sums[channel] += shift >= 0 ? value * (1 << shift) : (value + (1 << (-shift - 1))) >> -shift;
    }
}

/* Relu, rounded half to even to whole codes, clipped. */
static inline uint8_t code_of(int32_t sum, uint32_t fraction, int32_t max_code)
{
    if (sum <= 0)
        return 0;
    const int32_t code = (sum + (1 << (fraction - 1)) - 1 + (sum >> fraction & 1)) >> fraction;
    return (uint8_t)(code > max_code ? max_code : code);
}

void nn_run(const struct nn_step *step)
{
    const uint32_t channels = step->channels;
    uint32_t first = 0;

    for (uint32_t i = 0; i < step->n_layers; i++)
        if (step->layers[i].kind == NN_DEPTHWISE)
            unpack_depthwise(&step->layers[i]);
    for (uint32_t y = 0; y < step->height; y++)
        for (uint32_t x = 0; x < step->width; x++, first += channels) {
            int32_t *sums = step->sums;
            memset(sums, 0, channels * sizeof *sums);
            for (uint32_t i = 0; i < step->n_layers; i++) {
                const struct nn_layer *layer = &step->layers[i];
                if (layer->kind == NN_CONVOLUTION)
                    convolve(layer, y, x, sums);
                else if (layer->kind == NN_DEPTHWISE)
                    convolve_depthwise(layer, y, x, sums);
                else
                    multiply_sums(layer, sums);
            }
            for (uint32_t i = 0; i < step->n_terms; i++)
                add_term(&step->terms[i], first, channels, sums);
            if (step->max_code)
                for (uint32_t channel = 0; channel < channels; channel++)
                    ((uint8_t *)step->output)[first + channel] =
                        code_of(sums[channel], step->fraction, step->max_code);
            else
                memcpy((int32_t *)step->output + first, sums, channels * sizeof *sums);
        }
}

void nn_pool(const uint8_t *codes, int32_t *sums, uint32_t area, uint32_t channels)
{
    memset(sums, 0, channels * sizeof *sums);
    for (uint32_t at = 0; at < area; at++)
        for (uint32_t channel = 0; channel < channels; channel++)
            sums[channel] += *codes++;
}

uint32_t nn_argmax(const int32_t *values, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}
