//! Integer distributions. (contract; to be written)
