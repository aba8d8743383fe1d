import type { CompletedCommand, CompletedFlag } from './completed-commands.ts'

const GENERATORS = { files: '-f', directories: '-d', nothing: '' }

/** For bash 4 and newer. */
export function bashCompletion(commands: readonly CompletedCommand[]): string {
  const steps = commands.filter(({ path }) => path.length > 0).map(stepCase)
  const values = commands.flatMap(valueCases)
  const rests = commands.filter(({ rest }) => rest).map(({ path }) => `'${path.join(' ')}'`)
  return `# Completion of weft for bash: source <(weft completion bash)
_weft() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command= word i
  COMPREPLY=()
  # bash splits --flag=value in three.
  if [[ $cur == '=' ]]; then cur=
  elif [[ $prev == '=' ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == -- ]]; then
      case $command in
        ${rests.join(' | ')}) compopt -o default; return ;;
      esac
    fi
    case "$command/$word" in
${steps.join('\n')}
    esac
  done
  case "$command/$prev" in
${values.join('\n')}
  esac
  local words=
  case $command in
${commands.map(wordCase).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ \${#COMPREPLY[@]} -gt 0 || $cur == -* ]] || compopt -o default
}
complete -F _weft weft
`
}

function stepCase({ path }: CompletedCommand): string {
  return `      '${path.slice(0, -1).join(' ')}/${path.at(-1)}') command='${path.join(' ')}' ;;`
}

function valueCases({ path, flags }: CompletedCommand): string[] {
  return flags
    .filter(({ value }) => value !== undefined)
    .map((flag) => {
      const command = path.join(' ')
      const names = [`'${command}/--${flag.name}'`, ...(flag.short ? [`'${command}/-${flag.short}'`] : [])]
      return `    ${names.join(' | ')}) ${valueWords(flag)}return ;;`
    })
}

function valueWords({ completes }: CompletedFlag): string {
  if (typeof completes !== 'string') return `COMPREPLY=($(compgen -W '${completes.join(' ')}' -- "$cur")); `
  if (completes === 'nothing') return ''
  return `compopt -o filenames; COMPREPLY=($(compgen ${GENERATORS[completes]} -- "$cur")); `
}

function wordCase({ path, words, flags }: CompletedCommand): string {
  const all = [
    ...words.map(({ word }) => word),
    ...flags.flatMap(({ name, short }) => [...(short ? [`-${short}`] : []), `--${name}`]),
  ]
  return `    '${path.join(' ')}') words='${all.join(' ')}' ;;`
}
