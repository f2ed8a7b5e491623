declare module 'node-gyp-build' {
  const finder: {
    /** The binary for this platform in a directory: built there, or prebuilt. Throws where there is none. */
    path: (directory: string) => string;
  };
  export default finder;
}
