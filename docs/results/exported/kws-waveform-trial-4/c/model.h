/* Generated. An integer network: 49 x 10 x 1 codes in, 7 logits out. Not reentrant. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_INPUTS 490
#define MODEL_CLASSES 7
#define MODEL_CONSTANT_BYTES 14643 /* weights, biases, multipliers and shifts */
#define MODEL_MEMORY_BYTES 16832 /* one static block: input, activations, working memory, logits */
#define MODEL_LOGIT_EXPONENT (-20) /* a logit is its integer times 2 to this */

/* MODEL_INPUTS codes, row by row, channels last; model_run writes over them. */
uint8_t *model_input(void);

/* Runs the network and returns the class of the largest logit, the first of equal ones. */
uint32_t model_run(void);

/* MODEL_CLASSES integers, valid until the next input is written. */
const int32_t *model_logits(void);

#endif
