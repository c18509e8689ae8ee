/** Gives the memory of large bytes back at once: a collector, which sees only their small handle, would let tens of megabytes wait. */
export function freed(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length === bytes.buffer.byteLength) bytes.buffer.transfer(0);
}
