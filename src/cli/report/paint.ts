/**
 * Colour for the answers in which a person looks for what is wrong. It is laid over words that say it already, once nothing in them can steer a
 * terminal any more.
 */
import kleur from 'kleur'

export type Paint = (text: string) => string

/** A pattern, of which the last group is coloured; what stands before it is not. */
type Rule = readonly [pattern: RegExp, colour: (text: string) => string]

const planRules: readonly Rule[] = [
  [/^(\S+ on \w+: )(everything is as declared|.* as declared|nothing to do|nothing is left over)$/, kleur.green],
  [/^(\S+ on \w+: .*, )(\d+ blocked: .*)$/, kleur.red],
  [/^( {2}#\d+ +\S.*? )(blocked)(?= {2})/, kleur.red],
  [/^( {2}#\d+ .* {2})(\[data-loss\])(?=$| {2}after #)/, kleur.red],
  [/^( {2}#\d+ .* {2})(\[downtime\])(?=$| {2}after #)/, kleur.yellow],
  [/^( {2}#\d+ .*)( {2}after (?:#\d+ ?)+)$/, kleur.dim],
  [/^()(warning)(?=: )/, kleur.yellow],
]

const statusRules: readonly Rule[] = [
  [/^(\S+ on \w+: )(as declared)$/, kleur.green],
  [/^(\S+ on \w+: )(not as declared)$/, kleur.yellow],
  [/^( {2}\S+ +)(ready|completed)(?= {2}|$)/, kleur.green],
  [/^( {2}\S+ +)(starting|stopped|absent)(?= {2}|$)/, kleur.yellow],
  [/^( {2}\S+ +)(failed)(?= {2}|$)/, kleur.red],
  [/^( {2}\S.* {2}\d+ applied, )(\d+ pending)/, kleur.yellow],
  [/^()(up would:)$/, kleur.yellow],
]

const doctorRules: readonly Rule[] = [
  [/^( {2})(ok)(?= )/, kleur.green],
  [/^( {2})(note)(?= )/, kleur.yellow],
  [/^( {2})(problem)(?= )/, kleur.red],
  [/^()(up can work here)$/, kleur.green],
  [/^()(up cannot work here .*)$/, kleur.red],
]

export const paintPlan = painter(planRules)
export const paintStatus = painter(statusRules)
export const paintDoctor = painter(doctorRules)

function painter(rules: readonly Rule[]): Paint {
  return (text) =>
    text
      .split('\n')
      .map((line) => rules.reduce((painted, rule) => painted.replace(...replacing(rule)), line))
      .join('\n')
}

function replacing([pattern, colour]: Rule): [RegExp, (whole: string, before: string, word: string) => string] {
  return [pattern, (_, before, word) => before + colour(word)]
}
