'use strict';
// Stands in for unrs-resolver, which jest finds modules with and which is a binary for the system that
// it was installed on: Node's own way of finding them does for these tests. Required before jest.
const Module = require('node:module');
const path = require('node:path');

class ResolverFactory {
  cloneWithOptions() {
    return this;
  }

  clearCache() {}

  sync(folder, request) {
    try {
      return { path: Module.createRequire(path.join(folder, 'any.js')).resolve(request) };
    } catch (error) {
      return { error: error.message };
    }
  }

  async(folder, request) {
    return Promise.resolve(this.sync(folder, request));
  }
}

const load = Module._load;
Module._load = (request, ...rest) =>
  request === 'unrs-resolver' ? { ResolverFactory } : Reflect.apply(load, Module, [request, ...rest]);
