import type * as yamlModule from 'yaml';
import type { Document, LineCounter, Node } from 'yaml';

/** From 1 both. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

type Yaml = typeof yamlModule;

/**
 * Where keys stand in a text, YAML or JSON. A value on the line of its key is pointed at itself, a longer one and a key that
 * should not be there by the key; what is missing by what it is missing in.
 */
export class KeyPositions {
  readonly #yaml: Yaml;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(yaml: Yaml, text: string) {
    this.#yaml = yaml;
    this.#lines = new yaml.LineCounter();
    // Whether the text is right is for others to say; `merge` and the like are told as YAML 1.1 does, as our parser is.
    const options = { lineCounter: this.#lines, strict: false, uniqueKeys: false, logLevel: 'silent' } as const;
    this.#document = yaml.parseDocument(text, options);
  }

  /** @param options.atKey at the key itself, whatever its value. @returns undefined for the text as a whole. */
  of(path: readonly (string | number)[], { atKey = false } = {}): Position | undefined {
    const { isMap, isSeq, isAlias, isScalar, isNode } = this.#yaml;
    let at: number | undefined;
    let node: unknown = this.#document.contents;
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
        if (pair === undefined) break;
        const keyAt = startOf(pair.key as Node);
        const value = isNode(pair.value) ? pair.value : undefined;
        const valueAt = value && startOf(value);
        const isBeside = valueAt !== undefined && !atKey && this.#line(valueAt) === this.#line(keyAt);
        at = isBeside ? valueAt : keyAt;
        node = value;
      } else if (isSeq(node) && typeof part === 'number') {
        const item = node.items[part];
        if (!isNode(item)) break;
        at = startOf(item);
        node = item;
      } else break;
    }
    if (at === undefined) return undefined;
    const { line, col } = this.#lines.linePos(at);
    return { line, column: col };
  }

  #line(offset: number | undefined): number | undefined {
    return offset === undefined ? undefined : this.#lines.linePos(offset).line;
  }
}

function startOf(node: Node): number | undefined {
  return node.range?.[0];
}
