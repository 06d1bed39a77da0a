/** The Worker that workerd tests of the engine run beside; they import what they test themselves. */
export default {
  fetch: () => new Response(null, { status: 404 }),
};
