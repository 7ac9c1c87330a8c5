import { ExitCode } from '../../errors.ts'
import { askingWord } from '../proposals.ts'
import type { Context } from '../context.ts'

const scripts = {
  // It takes `--flag=value` for three words, and completes the last one alone.
  bash: `_poststack() {
  local word rest index start= line=()
  for ((index = 1; index <= COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]} start=
    if ((\${#line[@]})) && [[ $word == = || \${COMP_WORDS[index - 1]} == = ]]; then
      start=\${line[\${#line[@]} - 1]%%=*}=
      line[\${#line[@]} - 1]+=$word
    else
      line+=("$word")
    fi
  done
  COMPREPLY=()
  while IFS=$'\\t' read -r word rest; do
    COMPREPLY+=("\${word#"$start"}")
  done < <("\${COMP_WORDS[0]}" ${askingWord} "\${line[@]}" 2>/dev/null)
}
complete -o bashdefault -o default -F _poststack poststack
`,
  zsh: `#compdef poststack
_poststack() {
  local -a found
  local line
  for line in "\${(@f)$("\${words[1]}" ${askingWord} "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#found} )); then _describe poststack found; else _files; fi
}
if [[ $funcstack[1] == _poststack ]]; then _poststack "$@"; else compdef _poststack poststack; fi
`,
  // Files are completed where nothing is proposed.
  fish: `function __poststack_ask
  set -l line (commandline -opc) (commandline -ct)
  set -g __poststack_found ($line[1] ${askingWord} $line[2..] 2>/dev/null)
  test (count $__poststack_found) -gt 0
end
complete -c poststack -f -n __poststack_ask -a '$__poststack_found'
`,
} as const

export type Shell = keyof typeof scripts

/** `poststack completion` */
export function completion(this: Context, _flags: object, shell: Shell): void {
  this.io.stdout.write(scripts[shell])
  this.exitCode = ExitCode.ok
}
