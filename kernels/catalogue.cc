#include "kernels/catalogue.h"
