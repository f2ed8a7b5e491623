/* What Electron answers, for an addon whose import was renamed to this: test/integration/no-external-buffers.test.ts. */
int xapi_create_external_arraybuffer(void) {
  return 22; /* napi_no_external_buffers_allowed */
}
