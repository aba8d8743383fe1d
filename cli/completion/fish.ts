import type { CompletedCommand, CompletedFlag } from './completed-commands.ts'

/** For fish 3 and newer. */
export function fishCompletion(commands: readonly CompletedCommand[]): string {
  const paths = commands.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')))
  return `# Completion of weft for fish: weft completion fish > ~/.config/fish/completions/weft.fish
# Whether the words before the cursor name this command of weft, and none below it.
function __weft_is
    set -l command
    for word in (commandline -opc)[2..]
        set -l longer (string trim "$command $word")
        contains -- "$longer" ${paths.join(' ')}; and set command $longer
    end
    test "$command" = "$argv"
end
complete -c weft -f
${commands.flatMap(linesOf).join('\n')}
`
}

function linesOf({ path, words, flags }: CompletedCommand): string[] {
  const condition = `complete -c weft -n ${quoted(`__weft_is ${path.join(' ')}`.trim())}`
  return [
    ...words.map(({ word, help }) => `${condition} -a ${quoted(word)} -d ${quoted(help)}`),
    ...flags.map((flag) => `${condition} ${flagWords(flag)} -d ${quoted(flag.help)}`),
  ]
}

function flagWords({ name, short, value, completes }: CompletedFlag): string {
  const names = `${short === undefined ? '' : `-s ${short} `}-l ${name}`
  if (value === undefined) return names
  if (typeof completes !== 'string') return `${names} -x -a ${quoted(completes.join(' '))}`
  if (completes === 'files') return `${names} -r -F`
  return completes === 'directories' ? `${names} -x -a '(__fish_complete_directories)'` : `${names} -x`
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
