/**
 * Dependency order. Cycles were refused when the config was parsed, so here one is a bug.
 */
import { compareText } from '../config/text-order.ts'
import type { ServiceConfig } from '../config/types.ts'
import type { DesiredService } from './types.ts'

/** Services with everything they depend on before them; alphabetical among equals, so equal inputs give equal plans. */
export function dependencyOrder(services: readonly DesiredService[]): readonly DesiredService[] {
  const byName = new Map(services.map((service) => [service.name, service]))
  const ordered: DesiredService[] = []
  const seen = new Set<string>()

  const visit = (service: DesiredService): void => {
    if (seen.has(service.name)) return
    seen.add(service.name)
    for (const { service: name } of service.dependsOn) {
      const dependency = byName.get(name)
      if (dependency !== undefined) visit(dependency)
    }
    ordered.push(service)
  }

  for (const service of services.toSorted((a, b) => compareText(a.name, b.name))) visit(service)
  return ordered
}

/** The named services and everything they depend on; when no name is given, all that run without being named. */
export function selectServices<Service extends Pick<ServiceConfig, 'name' | 'dependsOn' | 'idle'>>(
  services: readonly Service[],
  names: readonly string[],
): readonly Service[] {
  if (names.length === 0) return services.filter(({ idle }) => idle === undefined)
  const byName = new Map(services.map((service) => [service.name, service]))
  const selected = new Set<string>()
  const visit = (name: string): void => {
    if (selected.has(name)) return
    selected.add(name)
    for (const dependency of byName.get(name)?.dependsOn ?? []) visit(dependency.service)
  }
  for (const name of names) visit(name)
  return services.filter((service) => selected.has(service.name))
}
