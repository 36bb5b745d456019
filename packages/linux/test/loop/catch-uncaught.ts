/** What nobody catches is written down until `stop`, which otherwise were the end of the tests. */
export function catchUncaught() {
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const messages: string[] = [];
  const listen = (error: Error) => void messages.push(error.message);
  process.on('uncaughtException', listen);
  return {
    messages,
    stop(): void {
      process.off('uncaughtException', listen);
      for (const other of others) process.on('uncaughtException', other);
    },
  };
}
