export async function fuzzDecoders() {
  return [];
}
