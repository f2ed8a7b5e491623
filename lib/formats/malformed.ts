/** Bytes that are not what they should be; who knows their name tells of them. Threads: no state. */
export class Malformed extends Error {}
