import type { HttpRequest, UpnpService } from '../protocol/inquiry.js';
import { childText, descendants, readXml } from './xml.js';

/** What an action came to: its output arguments by name, or UPnP's error code (0 where the answer has none). */
export type ActionResult =
  | { readonly kind: 'done'; readonly values: ReadonlyMap<string, string> }
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string };

/** UPnP IGD 2, WANIPConnection:2, 2.5: what people can do something about. */
const REASONS: Readonly<Record<number, string>> = {
  401: 'it knows no such action',
  402: 'it finds the request wrong',
  501: 'it cannot: it may stand behind another NAT',
  606: 'its policy refuses it',
  714: 'it has no such mapping',
  718: 'the port belongs to another machine',
  725: 'it maps without an end only',
  728: 'it has no ports left',
  729: 'the port belongs to something else',
};

/** A SOAP request (UPnP Device Architecture 2.0, 3.1). */
export function actionRequest(
  { controlUrl, serviceType }: UpnpService,
  action: string,
  values: Readonly<Record<string, string | number>>,
): HttpRequest {
  const text = Object.entries(values).map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`);
  const body =
    '<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${serviceType}">${text.join('')}</u:${action}></s:Body></s:Envelope>\r\n`;
  const headers = { 'Content-Type': 'text/xml; charset="utf-8"', SOAPAction: `"${serviceType}#${action}"` };
  return { method: 'POST', url: new URL(controlUrl), headers, body };
}

/** Reads the answer to an action. A fault comes with status 500. */
export function actionResult(action: string, status: number, body: string): ActionResult {
  const refused = (reason: string, code = 0): ActionResult => ({ kind: 'refused', code, reason });
  if (status !== 200 && status !== 500) return refused(`it answers ${action} with HTTP status ${status}`);
  const root = readXml(body);
  if (typeof root === 'string') return refused(`its answer to ${action} is not read: ${root}`);
  const [fault] = descendants(root, 'UPnPError');
  if (fault !== undefined) {
    const code = Number(childText(fault, 'errorCode'));
    const known = Number.isInteger(code) && code > 0 && code < 1000 ? code : 0;
    return refused(`${REASONS[known] ?? `it refuses ${action}`} (UPnP error ${known})`, known);
  }
  const [response] = descendants(root, `${action}Response`);
  if (status !== 200 || response === undefined) return refused(`its answer to ${action} is none`);
  return { kind: 'done', values: new Map(response.children.map(({ name, text }) => [name, text])) };
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
