/** Vite hands these files over as data URLs. */
declare module "*.bin?url&inline" {
  const url: string;
  export default url;
}
