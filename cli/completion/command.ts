import type { CommandDescription } from '../../core/command-line/description.ts'

/** `weft completion`. */
export const COMPLETION_COMMAND = {
  name: 'completion',
  summary: "print a script by which a shell completes this command's words",
  usage: ['SHELL'],
  about: 'Prints a script for a shell: commands, flags, and those of their values that are known beforehand.',
  arguments: [
    {
      name: 'SHELL',
      choices: {
        bash: 'source <(weft completion bash), in ~/.bashrc',
        zsh: 'source <(weft completion zsh), in ~/.zshrc below compinit',
        fish: 'weft completion fish > ~/.config/fish/completions/weft.fish',
      },
    },
  ],
  flags: {},
  exit: '0 printed, 2 wrong flags',
} as const satisfies CommandDescription
