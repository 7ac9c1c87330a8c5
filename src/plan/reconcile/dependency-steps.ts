/**
 * The steps of this run that a service waits for before it starts.
 */
import type { Planning } from '../planning.ts'
import type { DesiredService } from '../types.ts'

/**
 * What its dependencies reach their conditions by. One that has none, such as a job that was done in a run before, stands for what it waits
 * for itself: as in a first `up`, nothing starts on a database that this run still migrates.
 */
export function dependencySteps(
  service: Pick<DesiredService, 'dependsOn'>,
  { desired, milestones }: Pick<Planning, 'desired' | 'milestones'>,
): readonly number[] {
  const steps = new Set<number>()
  const seen = new Set<string>()
  const visit = ({ dependsOn }: Pick<DesiredService, 'dependsOn'>): void => {
    for (const { condition, service: name } of dependsOn) {
      const step = milestones.get(name)?.[condition]
      if (step !== undefined) steps.add(step)
      else if (!seen.has(name)) {
        seen.add(name)
        visit(desired.services.find((one) => one.name === name) ?? { dependsOn: [] })
      }
    }
  }
  visit(service)
  return [...steps]
}
