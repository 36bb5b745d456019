import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../house/imports.js';

/** Blocks of code of the README, as somebody types them. */
export class Readme {
  readonly #text = readFileSync(join(ROOT, 'README.md'), 'utf8');

  /** Lines of every block of commands whose first line says `# on ...` so, comments left out. */
  commands(place: string): string[] {
    const blocks = this.#blocks('sh').filter((block) => block.startsWith(`# ${place}\n`));
    if (blocks.length === 0) throw new Error(`the README has no commands "${place}"`);
    return blocks.flatMap((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith('# ')));
  }

  /** The one of these blocks that has this text in it. */
  commandsWith(place: string, text: string): string[] {
    const lines = this.commands(place);
    if (!lines.some((line) => line.includes(text))) throw new Error(`no command with ${text} "${place}"`);
    const block = this.#blocks('sh').find((one) => one.startsWith(`# ${place}\n`) && one.includes(text)) ?? '';
    return block.split('\n').filter((line) => line !== '' && !line.startsWith('# '));
  }

  /** A file that the README shows. */
  file(containing: string): string {
    const block = this.#blocks('yaml').find((text) => text.includes(containing));
    if (block === undefined) throw new Error(`the README shows no file with ${containing}`);
    return block;
  }

  #blocks(language: string): string[] {
    return [...this.#text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, info, text = '']) =>
      info === language ? [text] : [],
    );
  }
}
