import { execFile } from 'node:child_process'

export interface Said {
  readonly ok: boolean
  readonly text: string
}

/** Runs a program to its end; what it says on both outputs. `input` is its standard input. */
export function said(argv: readonly string[], cwd: string, input = ''): Promise<Said> {
  const [program = '', ...args] = argv
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd }, (error, stdout, stderr) =>
      resolve({ ok: error === null, text: `${stdout}${stderr}`.trim() }),
    )
    child.stdin?.end(input)
  })
}
