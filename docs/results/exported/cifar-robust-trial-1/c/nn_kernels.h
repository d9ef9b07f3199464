/* Integer kernels for networks with weights of 1, 2, 3, 4, 6 and 8 bits and activations of up to 8 bits. C99, no heap.
 *
 * A step computes, position by position, the sum of layers and of stored values in 32-bit fixed point, and either keeps
 * the sums or turns them into the codes of a quantized relu. Right shifts of negative numbers are arithmetic, as they
 * are with every compiler for these processors; nn_kernels.c refuses to compile where they are not.
 *
 * Weights w are stored as unsigned codes: w + 2^(bits-1), one bit (w + 1) / 2. Channels stand in blocks of 4, or of 8
 * for 1 and 3 bits; in a block of b bits stand, for every 4 inputs of a position (fewer at the end), b * channels / 8
 * strings with a byte for each input: the codes of 8 / b channels, low bits first. Channels that fill no block, and
 * layers that read sums, are stored one after another, low bits first; depthwise kernels by position, then channel.
 *
 * 6 and 3 bits fill no bytes, so 4 channels share three little-endian words for every 4 inputs (6 bits) or 8 inputs (3
 * bits: first all inputs of channels 0 to 3, then of 4 to 7). Fields come in pairs, in both halves of a word at the same
 * bit: inputs 0 and 2, inputs 1 and 3, then 4 and 6, 5 and 7. By channel, the pairs stand
 *   6 bits: two in a word, at bits 4 and 10. Of the last channel the low 4 bits are at bit 0 of the first (inputs 0 and
 *           2) and third word (1 and 3), the high 2 bits at bits 0 and 2 of the second;
 *   3 bits: five in a word, at bits 1, 4, 7, 10 and 13; the three bits of the last pair at bit 0 of the three words.
 * Inputs that fill no three words are strings of bytes: 4 + 2 and 2 + 1 bits, the low ones first.
 */
#ifndef NN_KERNELS_H
#define NN_KERNELS_H

#include <stdint.h>

enum nn_kind { NN_CONVOLUTION, NN_DEPTHWISE, NN_DENSE_OF_SUMS };

/* A layer with its normalization folded in: (acc * multiplier) >> shift, rounded, + bias. */
struct nn_layer {
    const void *input; /* uint8_t codes; int32_t sums for NN_DENSE_OF_SUMS */
    const uint8_t *weights;
    const int32_t *biases;
    const int32_t *multipliers; /* by channel, or NULL */
    const int8_t *shifts;
    uint8_t *scratch; /* gathered inputs, or an unpacked depthwise kernel */
    int32_t multiplier; /* of all channels where `multipliers` is NULL */
    uint16_t in_height, in_width, in_channels;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_y, stride_x, pad_top, pad_left;
    uint16_t out_channels;
    uint8_t kind;
    uint8_t bits;
    uint8_t zero; /* code of an input that is 0 */
};

/* A stored value that is added: value * 2^shift. */
struct nn_term {
    const void *values; /* uint8_t codes or int32_t sums */
    int8_t shift;
    uint8_t is_wide;
};

struct nn_step {
    const struct nn_layer *layers;
    const struct nn_term *terms;
    int32_t *sums;       /* scratch: one for each channel */
    void *output;        /* uint8_t codes; int32_t where max_code is 0 */
    uint16_t height, width, channels;
    uint8_t n_layers, n_terms;
    uint8_t fraction;    /* a code is worth 2^fraction */
    uint8_t max_code;    /* largest code of the activation; 0 keeps the sums */
};

void nn_run(const struct nn_step *step);

/* Sums [channels] of codes [area, channels]. */
void nn_pool(const uint8_t *codes, int32_t *sums, uint32_t area, uint32_t channels);

/* Index of the largest value, the first of equal ones. */
uint32_t nn_argmax(const int32_t *values, uint32_t count);

#endif
