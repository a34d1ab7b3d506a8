cdef inline unsigned long long mix(unsigned long long value) noexcept:
    value = (value ^ (value >> 30)) * <unsigned long long> 0xBF58476D1CE4E5B9
    value = (value ^ (value >> 27)) * <unsigned long long> 0x94D049BB133111EB
    return value ^ (value >> 31)

cdef inline unsigned long long at(unsigned long long value, int bit) noexcept:
    return value << bit
