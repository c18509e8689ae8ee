/** What `next` opens. Where it throws, `close` takes back what was opened before it, and would have nobody to close it. */
export async function orClose<T>(close: () => unknown, next: () => T | Promise<T>): Promise<T> {
  try {
    return await next();
  } catch (error) {
    await close();
    throw error;
  }
}
