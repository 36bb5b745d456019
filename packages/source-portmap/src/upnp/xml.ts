import { SaxesParser } from 'saxes';

/** An element: its name without a prefix, its own text trimmed, and what stands in it. */
export interface XmlElement {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

const MAX_DEPTH = 32;
const MAX_ELEMENTS = 4096;

class Refused extends Error {}

/**
 * Reads a document of a gateway: well-formed, not deep, not of many parts, without a document type (so there is no entity but
 * the five of XML), and without anything fetched for it. @returns the root, or why it is not read.
 */
export function readXml(text: string): XmlElement | string {
  const document: XmlElement = { name: '', text: '', children: [] };
  const open = [document];
  let elements = 0;
  const refuse = (why: string) => {
    throw new Refused(why);
  };
  const parser = new SaxesParser({ xmlns: false, position: false });
  parser.on('error', () => refuse('it is not well-formed XML'));
  parser.on('doctype', () => refuse('it has a document type'));
  parser.on('opentag', ({ name }) => {
    elements += 1;
    if (elements > MAX_ELEMENTS) refuse(`it has more than ${MAX_ELEMENTS} elements`);
    if (open.length > MAX_DEPTH) refuse(`it is deeper than ${MAX_DEPTH} elements`);
    const element = { name: name.slice(name.indexOf(':') + 1), text: '', children: [] };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  const take = (part: string) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += part;
  };
  parser.on('text', take);
  parser.on('cdata', take);
  parser.on('closetag', () => {
    const element = open.pop();
    if (element !== undefined) element.text = element.text.trim();
  });
  try {
    parser.write(text).close();
  } catch (error) {
    return error instanceof Refused ? error.message : 'it cannot be read as XML';
  }
  return document.children[0] ?? 'it is empty';
}

/** Text of a direct child; empty where there is none. */
export function childText(element: XmlElement, name: string): string {
  return element.children.find((child) => child.name === name)?.text ?? '';
}

/** All elements of a name, in the order of the document. */
export function descendants(element: XmlElement, name: string): XmlElement[] {
  return element.children.flatMap((child) => [...(child.name === name ? [child] : []), ...descendants(child, name)]);
}
