/** A block of code of a document. */
export interface Fence {
  /** `sh`, `yaml` ...; '' where none is said. */
  readonly language: string
  readonly text: string
  /** Of its first line in the document, from 1. */
  readonly line: number
}

/** The blocks of code of a Markdown text, in order. */
export function fencesOf(text: string): Fence[] {
  const fences: Fence[] = []
  let open: { language: string; line: number; lines: string[] } | undefined
  for (const [at, line] of text.split('\n').entries()) {
    if (!line.startsWith('```')) open?.lines.push(line)
    else if (!open) open = { language: line.slice(3).trim(), line: at + 2, lines: [] }
    else {
      fences.push({ language: open.language, line: open.line, text: open.lines.join('\n') })
      open = undefined
    }
  }
  return fences
}

/** A command of a document, as it would be typed: without the comment behind it. */
export interface PageCommand {
  readonly text: string
  /** In the document, from 1. */
  readonly line: number
}

/** The commands in the blocks of `sh`, in order; one that goes on behind a backslash or a pipe is one line. */
export function commandsOf(text: string): PageCommand[] {
  return fencesOf(text)
    .filter(({ language }) => language === 'sh')
    .flatMap((fence) => {
      const commands: PageCommand[] = []
      let begun = ''
      for (const [at, line] of fence.text.split('\n').entries()) {
        const own = begun + withoutComment(line).trim()
        begun = own.endsWith('|') ? `${own} ` : own.endsWith('\\') ? `${own.slice(0, -1).trim()} ` : ''
        if (begun === '' && own !== '') commands.push({ text: own, line: fence.line + at })
      }
      return commands
    })
}

/** What a shell reads of a line: up to a `#` at the start of a word that is not quoted. */
function withoutComment(line: string): string {
  const end =
    /^(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^'"\\#]|(?<=\S)#|\\$)*/.exec(line)?.[0].length ?? line.length
  return line.slice(0, end)
}

/** The words of a command as a shell splits them, quotes taken away; what it would expand stays as it is. */
export function wordsOf(command: string): string[] {
  return [...command.matchAll(/(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/g)].map(([word]) =>
    word.replaceAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g, '$1$2$3'),
  )
}
