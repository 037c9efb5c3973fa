#!/usr/bin/env node
import { main } from '../dist/xcal/main.js';

await main(process.argv);
