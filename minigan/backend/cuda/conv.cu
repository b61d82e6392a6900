// im2col, which writes receptive fields as the rows of a matrix, and its adjoint col2im.
//
// The column matrix is (N * OH * OW, kH * kW * C), with a row for each output pixel.  This one layout serves all three
// functions without a copy, on the row-major operands W = w.reshape(kH * kW * C, C_out) and
// Y = y.reshape(N * OH * OW, C_out):
//     conv2d             Y = im2col(x) W
//     conv_transpose2d   x = col2im(Y W^T)
//     conv2d_weight      W = im2col(x)^T Y      (over chunks of the batch: += )
// For groups, W and Y are slices of columns (a leading dimension for the GEMM) and x a slice of channels (`pixel`).
//
// im2col copies and col2im adds, whole elements of type REAL: with -DREAL=float4 (double2) an element is four (two)
// channels, and channels, pixel and x must be multiples of it.
#include "kernels.cuh"

// Kernels whose names end in _large count elements with 64 bits, the others with 32.
struct Axis {
    Divider input, kernel, stride, output;
    int before, dilation;  // before: the padding before the image
};

struct Geometry {
    Axis y, x;
    Divider channels, width, pixels;  // of a group; of a row of columns; of an output image
    int pixel;                        // elements from one pixel of x to the next, the channels of all groups
};

inline __device__ float plus(float a, float b) { return a + b; }
inline __device__ double plus(double a, double b) { return a + b; }
inline __device__ double2 plus(double2 a, double2 b) { return {a.x + b.x, a.y + b.y}; }
inline __device__ float4 plus(float4 a, float4 b) { return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w}; }

template <typename Index>
static __device__ void write_columns(const REAL *__restrict__ x, REAL *__restrict__ columns, long long images,
                                     const Geometry &g) {
    EACH_AS(Index, i, images * g.pixels * g.width) {
        const Index row = i / g.width, image = row / g.pixels;
        const int k = int(i - row * g.width), p = int(row - image * g.pixels);
        const int tap = k / g.channels, c = k % g.channels;
        const int down = p / g.x.output * g.y.stride + tap / g.x.kernel * g.y.dilation - g.y.before;
        const int across = p % g.x.output * g.x.stride + tap % g.x.kernel * g.x.dilation - g.x.before;
        const bool inside = down >= 0 && down < g.y.input && across >= 0 && across < g.x.input;
        columns[i] = inside ? x[((image * g.y.input + down) * g.x.input + across) * g.pixel + c] : REAL{};
    }
}

// columns (images * OH * OW, kH * kW * channels) from x (images, H, W, channels).
KERNEL(im2col)(const REAL *__restrict__ x, REAL *__restrict__ columns, long long images, Geometry g) {
    write_columns<int>(x, columns, images, g);
}

KERNEL(im2col_large)(const REAL *__restrict__ x, REAL *__restrict__ columns, long long images, Geometry g) {
    write_columns<long long>(x, columns, images, g);
}

// The output position whose tap reaches `position`; negative if there is none.
static __device__ int reached_from(const Axis &a, int position, int tap) {
    const int distance = position + a.before - tap * a.dilation;
    if (distance < 0) return -1;
    const int place = distance / a.stride;
    return place * a.stride == distance && place < a.output ? place : -1;
}

template <typename Index>
static __device__ void gather_columns(const REAL *__restrict__ columns, REAL *__restrict__ x, long long images,
                                      const Geometry &g) {
    EACH_AS(Index, i, images * g.y.input * g.x.input * g.channels) {
        const Index place = i / g.channels, line = place / g.x.input, image = line / g.y.input;
        const int c = int(i - place * g.channels);
        REAL sum = {};
        for (int a = 0; a < g.y.kernel; ++a) {
            const int oy = reached_from(g.y, int(line - image * g.y.input), a);
            for (int b = 0; oy >= 0 && b < g.x.kernel; ++b) {
                const int ox = reached_from(g.x, int(place - line * g.x.input), b);
                if (ox < 0) continue;
                const Index row = (image * g.y.output + oy) * g.x.output + ox;
                sum = plus(sum, columns[((row * g.y.kernel + a) * g.x.kernel + b) * g.channels + c]);
            }
        }
        x[place * g.pixel + c] = sum;
    }
}

// x (images, H, W, channels) from columns.  Each pixel gathers the taps that reach it, always in the same order.
KERNEL(col2im)(const REAL *__restrict__ columns, REAL *__restrict__ x, long long images, Geometry g) {
    gather_columns<int>(columns, x, images, g);
}

KERNEL(col2im_large)(const REAL *__restrict__ columns, REAL *__restrict__ x, long long images, Geometry g) {
    gather_columns<long long>(columns, x, images, g);
}
