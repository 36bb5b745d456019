// Has to come before tsyringe, which reads it while it loads.
import 'reflect-metadata';
import { container as globalContainer, instanceCachingFactory, type DependencyContainer } from 'tsyringe';
import type { Token } from './tokens.js';

/** The container of one node: a child, so that two nodes in one process share nothing and the global one stays empty. */
export function createNodeContainer(): DependencyContainer {
  return globalContainer.createChildContainer();
}

/** Registers a factory whose product is made when first asked for, once per container. */
export function registerFactory<T>(container: DependencyContainer, token: Token<T>, make: () => T): void {
  container.register<T>(token, { useFactory: instanceCachingFactory(make) });
}

export function registerValue<T>(container: DependencyContainer, token: Token<T>, value: T): void {
  container.register<T>(token, { useValue: value });
}
