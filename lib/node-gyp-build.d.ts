declare module 'node-gyp-build' {
  /** Loads the addon of the package in a directory: built here, or prebuilt. */
  const load: (directory: string) => unknown;
  export default load;
}
