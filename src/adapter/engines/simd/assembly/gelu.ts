/**
 * GELU (the erf form that BERT uses) without erf: gelu(x) = max(x, 0) - g(|x|), where
 * g(a) = a * (1 - Phi(a)) is a smooth bump that is 0 at 0 and under 1.3e-4 beyond 4. A minimax
 * polynomial of degree 8 over [0, 4] is within 1.2e-4 of it, a hundredth of a quantization step.
 */

/** GELU of four values. */
export function gelu4(x: v128): v128 {
  const a = f32x4.relaxed_min(f32x4.abs(x), f32x4.splat(4));
  let g = f32x4.splat(<f32>5.727303141611628e-5);
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>-0.0015833188081160188));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>0.016229718923568726));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>-0.07975923269987106));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>0.18364939093589783));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>-0.09010646492242813));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>-0.3652641773223877));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>0.495218425989151));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>0.00011130455823149532));
  return f32x4.sub(f32x4.relaxed_max(x, f32x4.splat(0)), g);
}

/** GELU of one f32 panel of width `n`, in place. */
export function geluPanel(x: usize, n: i32): void {
  const end = x + <usize>(n << 4);
  for (; x < end; x += 64) {
    v128.store(x, gelu4(v128.load(x)));
    v128.store(x, gelu4(v128.load(x, 16)), 16);
    v128.store(x, gelu4(v128.load(x, 32)), 32);
    v128.store(x, gelu4(v128.load(x, 48)), 48);
  }
}
