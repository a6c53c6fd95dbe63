"""What `bench.models` measures with: music, the product's path, the packages' own, and gauges."""
