import { styleText } from 'node:util'

export type Style = 'red' | 'yellow' | 'green' | 'dim' | 'bold'

/** Colours a text, or leaves it. */
export type Painter = (style: Style, text: string) => string

/**
 * For a stream: colours on a terminal alone, and none where NO_COLOR is set (https://no-color.org) or TERM is dumb, which node:util
 * knows.
 */
export function painterFor(stream: NodeJS.WriteStream): Painter {
  return (style, text) => styleText(style, text, { stream })
}

/** Of what a file or a program gets. */
export const plainPainter: Painter = (_style, text) => text
