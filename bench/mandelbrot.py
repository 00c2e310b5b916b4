"""Mandelbrot: a tight float loop, and the same with complex numbers."""


def floats(size):
    total = 0
    for row in range(size):
        ci = 2.0 * row / size - 1.0
        for column in range(size):
            cr = 3.0 * column / size - 2.0
            zr = zi = 0.0
            for i in range(50):
                zr, zi = zr * zr - zi * zi + cr, 2.0 * zr * zi + ci
                if zr * zr + zi * zi > 4.0:
                    break
            total += i
    return total


def complexes(size):
    total = 0
    for row in range(size):
        for column in range(size):
            c = complex(3.0 * column / size - 2.0, 2.0 * row / size - 1.0)
            z = 0j
            for i in range(50):
                z = z * z + c
                if abs(z) > 2.0:
                    break
            total += i
    return total


print(floats(170), complexes(70))
