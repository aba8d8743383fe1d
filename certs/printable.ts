/** Text from outside in one line: quoted, cut, and without control bytes for logs and terminals. */
export function quote(text: string, longest = 128): string {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text
  return JSON.stringify(short).replace(/\p{Cc}/gu, escape)
}

/** A distinguished name of node:crypto, one attribute a line, in one line and without control bytes. */
export function oneLineName(name: string | undefined): string {
  const text = (name ?? '').replaceAll('\n', ', ').replace(/\p{Cc}/gu, escape)
  return text || 'no subject'
}

function escape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}
