/** An instruction of a Dockerfile with what follows it, and the stage that it belongs to. */
export interface Instruction {
  readonly name: string
  readonly text: string
  /** Of `FROM ... AS NAME`; the last one has none. */
  readonly stage: string | undefined
}

/** Instructions in their order; of the language, what the project's own Dockerfiles use. */
export function readDockerfile(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  let stage: string | undefined
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? []
      if (name === '') throw new Error(`not an instruction: ${line}`)
      if (name === 'FROM') stage = / AS (\S+)$/.exec(rest)?.[1]
      return { name, text: rest, stage }
    })
}

/** The text of the last stage's instructions of this name. */
export function finalOf(instructions: readonly Instruction[], name: string): string[] {
  return instructions.filter((one) => one.stage === undefined && one.name === name).map(({ text }) => text)
}
