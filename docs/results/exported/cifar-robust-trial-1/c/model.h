/* Generated. An integer network: 32 x 32 x 3 codes in, 10 logits out. Not reentrant. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_INPUTS 3072
#define MODEL_CLASSES 10
#define MODEL_CONSTANT_BYTES 80050 /* weights, biases, multipliers and shifts */
#define MODEL_MEMORY_BYTES 33184 /* one static block: input, activations, working memory, logits */
#define MODEL_LOGIT_EXPONENT (-18) /* a logit is its integer times 2 to this */

/* MODEL_INPUTS codes, row by row, channels last; model_run writes over them. */
uint8_t *model_input(void);

/* Runs the network and returns the class of the largest logit, the first of equal ones. */
uint32_t model_run(void);

/* MODEL_CLASSES integers, valid until the next input is written. */
const int32_t *model_logits(void);

#endif
